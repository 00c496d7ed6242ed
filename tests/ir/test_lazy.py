"""Lazy properties: computed once, and on many threads without waiting for each other."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tfc.ir.index import Atom, Index
from tfc.ir.lazy import Lazy


@dataclass(frozen=True)
class Square:
    side: int
    asked: list[int] = field(default_factory=list)

    @Lazy
    def area(self) -> int:
        """What it covers."""
        self.asked.append(self.side)
        return self.side**2


def test_it_is_computed_once_for_each_object() -> None:
    three, four = Square(3), Square(4)
    assert [three.area, four.area, three.area, three.area] == [9, 16, 9, 9]
    assert (three.asked, four.asked) == ([3], [4])
    assert Square.area.__doc__ == "What it covers."


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient")
def test_threads_hash_nested_indices() -> None:
    start = threading.Barrier(4)

    def nested() -> Index:
        x = Index.symbol("n")
        for _ in range(20):
            x = Index((((Atom("min", (x, 1)),), 1),))
        return x

    def work(k: int) -> None:
        made = [nested() for _ in range(200)]
        start.wait()
        for x in made:
            hash(x if k % 2 else x.terms[0][0][0])

    threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert not any(t.is_alive() for t in threads)
