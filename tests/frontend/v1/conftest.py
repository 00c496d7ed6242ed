"""The front end's tests run on an engine of NumPy references and on the runtime."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .reference_engine import ReferenceEngine

ENGINES = {"test_graph": ["reference"], "test_errors": ["runtime"], "test_flags": ["reference"]}
"""The engines of a module whose tests are not for both."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    engines = ENGINES.get(metafunc.module.__name__.rpartition(".")[2], ["reference", "runtime"])
    metafunc.parametrize("engine", engines)


@pytest.fixture(autouse=True)
def fresh_graph(engine: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A new default graph for each test, and sessions on the engine."""
    import tfc.v1 as tf

    if engine == "reference":
        monkeypatch.setattr("tfc.frontend.v1.session.session_engine", ReferenceEngine)
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()
