"""`import tensorflow` and its modules, meaning `tfc.v1` and its own, while a script runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

TENSORFLOW = "tensorflow"


class _Names(MetaPathFinder, Loader):
    """Finds `tensorflow.a.b` as the module `tfc.v1.a.b`: the very module, under a second name."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Raises ModuleNotFoundError that says what of TensorFlow tfc lacks."""
        if name.partition(".")[0] != TENSORFLOW:
            return None
        real = _real(name)
        try:
            module = import_module(real)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{real}.".startswith(f"{error.name}."):
                raise
            message = f"No module named {name!r}: tfc has no such part of TensorFlow"
            raise ModuleNotFoundError(message, name=name) from None
        spec = ModuleSpec(name, self)
        spec.loader_state = (module, module.__spec__)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module: ModuleType = spec.loader_state[0]
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has given the module the spec of its second name.
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state[1]


def _real(name: str) -> str:
    """The module of tfc for one of TensorFlow; `tensorflow.compat.v1` is `tensorflow`."""
    parts = name.split(".")[1:]
    while parts[:2] == ["compat", "v1"]:
        parts = parts[2:]
    return ".".join(("tfc.v1", *parts))


@contextmanager
def tensorflow_names() -> Iterator[None]:
    """Inside the block, `import tensorflow` gives `tfc.v1`, whether TensorFlow is installed or not."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == TENSORFLOW}
    finder = _Names()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == TENSORFLOW]:
            del sys.modules[name]
        sys.modules.update(before)
