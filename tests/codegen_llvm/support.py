"""Running kernels on the CPU back end beside the interpreter."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfc.codegen_llvm import NativeProgram, available_targets, compile_program, host_target
from tfc.ir.expr import Expr
from tfc.ir.index import Index
from tfc.ir.interpret import index_value, run_kernel
from tfc.ir.kernel import Buffer, For, Kernel, Launch, Program, Slot, Store, substitute
from tfc.ir.kernel_text import parse_kernel
from tfc.ir.types import DType
from tfc.passes.target import Target

Array = np.ndarray[Any, Any]

TARGETS = tuple(name for name in available_targets() if name != "generic" or available_targets() == ("generic",))
"""What to run kernel tests for; `generic` is the baseline of its architecture, as `sse2` is."""

_KINDS = {"in": "feed", "out": "fetch", "inout": "variable"}


def program_of(*kernels: Kernel) -> Program:
    """A program that runs kernels, each on buffers of its own; slots and dims are named `kernel.name`."""
    slots: list[Slot] = []
    steps: list[Launch] = []
    dims: list[str] = []
    for k in kernels:
        names = tuple(f"{k.name}.{b.name}" for b in k.buffers)
        for b, name in zip(k.buffers, names, strict=True):
            slots.append(Slot(Buffer(name, b.dtype, b.shape, b.role, align=b.align), _KINDS[b.role]))
        mine = tuple(f"{k.name}.{d}" for d in k.dims)
        dims += mine
        steps.append(Launch(k.name, names, tuple(Index.symbol(d) for d in mine)))
    return Program("test", tuple(dims), tuple(slots), kernels, tuple(steps), messages=("first", "second", "third"))


def run_native(native: NativeProgram, program: Program, arrays: Mapping[str, Array], dims: Mapping[str, int]) -> int:
    """Runs machine code on arrays for the slots outside the arena; the status."""
    given = [arrays[s.buffer.name] for s in program.slots if s.kind != "arena"]
    slots = (ctypes.c_void_p * max(len(given), 1))(*(a.ctypes.data for a in given))
    values = (ctypes.c_int64 * max(len(program.dims), 1))(*(dims[d] for d in program.dims))
    arena = np.zeros(index_value(program.arena, dims) + 64, np.uint8)
    status = ctypes.c_int32(0)
    start = arena.ctypes.data + -arena.ctypes.data % 64
    native.run(ctypes.addressof(slots), ctypes.addressof(values), start, ctypes.addressof(status))
    return status.value


def compile_kernel(kernel: Kernel, target: Target) -> tuple[NativeProgram, Program]:
    program = program_of(kernel)
    return compile_program(program, target, cache=False), program


def check(
    text: str | Kernel,
    arrays: Mapping[str, Array],
    targets: Iterable[str] = TARGETS,
    rtol: float = 0,
    **dims: int,
) -> dict[str, Array]:
    """Runs a kernel on the interpreter and on every target and compares all it wrote; the interpreter's results."""
    kernel = parse_kernel(text) if isinstance(text, str) else text
    expected = {name: a.copy() for name, a in arrays.items()}
    failed = run_kernel(kernel, expected, dims)
    for target in targets:
        native, program = compile_kernel(kernel, host_target(target))
        got = {name: a.copy() for name, a in arrays.items()}
        named = {f"{kernel.name}.{name}": a for name, a in got.items()}
        status = run_native(native, program, named, {f"{kernel.name}.{d}": v for d, v in dims.items()})
        assert (status == 0) == (not failed), f"{target}: status {status}, the interpreter's checks {failed}"
        for name, a in got.items():
            np.testing.assert_allclose(
                a.astype(np.float64) if a.dtype.kind not in "fiub" else a,
                expected[name].astype(np.float64) if a.dtype.kind not in "fiub" else expected[name],
                rtol=rtol,
                err_msg=f"{target}, {name}",
            )
    return expected


def elementwise(name: str, result: DType, operands: tuple[DType, ...], value: Expr, n: int, lanes: int) -> Kernel:
    """`y[i] = value` for i < n, where `value` loads `x0[i]`, `x1[i]`, ...: by lanes with a rest, or (0) in turn."""
    i, o, k = Index.symbol("i"), Index.symbol("o"), Index.symbol("k")
    buffers = tuple(Buffer(f"x{j}", d, (n,)) for j, d in enumerate(operands))
    out = Buffer("y", result, (n,), "out")
    body = (Store("y", (i,), value),)
    whole = n // lanes if lanes else 0
    loops = [For("i", n, body)]
    if whole:
        vector = For("k", lanes, substitute(body, {"i": o * lanes + k}), "vector")
        rest = For("k", n - whole * lanes, substitute(body, {"i": k + whole * lanes}))
        loops = [For("o", whole, (vector,)), rest]
    return Kernel(name, (*buffers, out), (), tuple(loops))
