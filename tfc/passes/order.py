"""A list in which each item stands after those it needs, kept so while needs are added."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Order(Generic[T]):
    """Items in an order of their needs (Pearce and Kelly, A Dynamic Topological Sort Algorithm, 2006).

    A new need moves only what stands between the two items.
    """

    def __init__(self) -> None:
        self.items: list[T] = []
        self._places: dict[T, int] = {}
        self._needs: dict[T, set[T]] = {}

    def append(self, item: T, needs: Collection[T]) -> None:
        self._places[item] = len(self.items)
        self._needs[item] = set(needs)
        self.items.append(item)

    def place(self, item: T) -> int:
        return self._places[item]

    def add(self, item: T, needs: Collection[T]) -> bool:
        """Puts an item after others; False, and nothing changes, where one of them needs it."""
        first = self._places[item]
        late = [n for n in needs if self._places[n] >= first]
        if late:
            ahead = self._needed(late, first)
            if item in ahead:
                return False
            end = 1 + max(map(self.place, late))
            between = self.items[first:end]
            self.items[first:end] = [x for x in between if x in ahead] + [x for x in between if x not in ahead]
            for k in range(first, end):
                self._places[self.items[k]] = k
        self._needs[item].update(needs)
        return True

    def _needed(self, items: Collection[T], first: int) -> set[T]:
        """Items and all that they need, directly or through others, as far as it stands at `first` or later."""
        found: set[T] = set()
        work = list(items)
        while work:
            item = work.pop()
            if item not in found and self._places[item] >= first:
                found.add(item)
                work.extend(self._needs[item])
        return found
