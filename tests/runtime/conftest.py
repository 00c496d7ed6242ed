"""Fixtures for the runtime's tests."""

from __future__ import annotations

from typing import Any

import pytest

from tfc.runtime import execution


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The shapes of every compilation that the test causes, in order."""
    shapes: list[Any] = []
    compile_pure = execution.compile_pure

    def counting(pure: Any, given: Any, *args: Any) -> Any:
        shapes.append(tuple(given))
        return compile_pure(pure, given, *args)

    monkeypatch.setattr(execution, "compile_pure", counting)
    return shapes
