# `make` alone prints what can be made.
PYTHON ?= python
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install test lint format types imports check demo bench bench-startup ci clean

help:  ## print the targets
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r t d; do printf '  %-13s %s\n' "$$t" "$$d"; done

install:  ## install tfc in editable form, with what the tests need
	$(PYTHON) -m pip install -e ".[test]"

test:  ## run all the tests
	$(PYTHON) -m pytest -n $(JOBS)

lint:  ## check style and formatting
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

format:  ## put the sources into their format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

types:  ## check the types of tfc (mypy --strict)
	$(PYTHON) -m mypy

imports:  ## check the direction of imports between the packages
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command as c; c()'

check: lint types imports test  ## all of the above

demo:  ## train on the embedded digits and write the plots
	tfc demo digits

bench:  ## measure tfc beside its peers; ARGS="--quick" for less, ARGS=--help for what there is
	$(PYTHON) -m benchmarks $(ARGS)

bench-startup:  ## time import and the first step, and weigh what is installed, beside the same
	$(PYTHON) -m benchmarks.startup

ci:  ## what CI runs, in a fresh virtual environment
	bash .ci/run

clean:  ## remove what builds, tests and demos left
	rm -rf build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache *.egg-info plots
	find tfc tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
