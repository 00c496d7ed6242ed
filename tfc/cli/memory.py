"""What memory a program takes, said in a comment above its text."""

from __future__ import annotations

from collections.abc import Mapping

from tfc.ir.index import Dim, subs
from tfc.ir.kernel import Program

KINDS = {"feed": "feeds", "fetch": "fetches", "variable": "variables", "constant": "constants"}


def memory_comment(program: Program, dims: Mapping[str, int]) -> str:
    """The peak in bytes, and what it is made of; in numbers where the dims of the run are known.

    All slots are there at once; the arena is what values that live at different times share.
    """
    parts = {plural: subs(_size(program, kind), dims) for kind, plural in KINDS.items()}
    parts["arena"] = subs(program.arena, dims)
    total = sum(parts.values(), start=0)
    run = ", ".join(f"{name} = {n}" for name, n in dims.items() if name in program.dims)
    made_of = ", ".join(f"{name} {_bytes(size)}" for name, size in parts.items())
    return f"# peak memory{f' at {run}' if run else ''}: {_bytes(total)} bytes ({made_of})\n"


def _size(program: Program, kind: str) -> Dim:
    return sum((s.buffer.nbytes for s in program.slots if s.kind == kind), start=0)


def _bytes(size: Dim) -> str:
    return f"{size:,}" if isinstance(size, int) else str(size)
