"""The front end's tests run on an engine of NumPy references; whole programs on the runtime too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .reference_engine import ReferenceEngine

ON_BOTH = ("test_ops", "test_optimizers", "test_programs", "test_random", "test_session", "test_variables")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    both = metafunc.module.__name__.rpartition(".")[2] in ON_BOTH
    metafunc.parametrize("engine", ["reference", "runtime"] if both else ["reference"])


@pytest.fixture(autouse=True)
def fresh_graph(engine: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A new default graph for each test, and sessions on the engine."""
    import tfc.v1 as tf

    if engine == "reference":
        monkeypatch.setattr("tfc.frontend.v1.session.Engine", ReferenceEngine)
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()
