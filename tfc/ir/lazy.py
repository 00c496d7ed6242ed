"""Properties that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Lazy(Generic[T]):
    """Makes a method a property that is computed when it is first asked for.

    Threads that ask at once may each compute it. `functools.cached_property` of Python 3.11 holds a lock meanwhile that
    all objects share: two such properties that ask for each other, as hashes of nested indices do, block each other.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | Lazy[T]:
        if instance is None:
            return self
        # What the object itself has of that name is found before this is asked again.
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
