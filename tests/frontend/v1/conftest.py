"""The front end's tests run on an engine of NumPy references, so that they judge the front end alone."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from .reference_engine import ReferenceEngine

if importlib.util.find_spec("tfc.runtime") is None:
    stand_in = ModuleType("tfc.runtime")
    stand_in.Session = ReferenceEngine  # type: ignore[attr-defined]
    sys.modules["tfc.runtime"] = stand_in


@pytest.fixture(autouse=True)
def fresh_graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A new default graph for each test, and sessions on the reference engine."""
    import tfc.v1 as tf

    monkeypatch.setattr("tfc.frontend.v1.session.Engine", ReferenceEngine)
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()
