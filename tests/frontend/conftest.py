"""Modules that use the fixture `on_both` run on the engine of NumPy references and on the runtime."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tfc.ir.graph import Graph
from tfc.runtime import Executable

from .reference import Array, Reference


class OnRuntime:
    """A native program that counts its runs as the reference does."""

    def __init__(self, engine: Reference, graph: Graph) -> None:
        self.engine = engine
        self.inner = Executable(graph)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        self.engine.runs += 1
        return self.inner.run(inputs)


@pytest.fixture(params=["reference", "runtime"])
def on_both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "runtime":
        monkeypatch.setattr(Reference, "Runnable", OnRuntime)
