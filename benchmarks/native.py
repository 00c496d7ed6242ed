"""Loops in LLVM IR that measure what a core can do: FMAs per second, bytes per second."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from tfc.codegen_llvm import available_targets, host_target
from tfc.passes.target import Target

FMAS = 16
"""Independent chains: more than latency × units of any core, no more than the registers of all."""
LOADS = 8


@dataclass(frozen=True)
class Probes:
    """The loops, compiled for this host's widest vectors. Calls release the GIL."""

    vector_bytes: int
    _fma: Any
    _stream: Any
    _code: Any
    """What owns the machine code."""

    @property
    def flop_per_loop(self) -> int:
        return 2 * FMAS * self.vector_bytes // 4

    @property
    def bytes_per_loop(self) -> int:
        return LOADS * self.vector_bytes

    def fma(self, loops: int) -> NDArray[np.float32]:
        """Runs `loops` times `flop_per_loop` FLOP of float32; by lane, the sum of the chains."""
        out = np.empty(self.vector_bytes // 4, np.float32)
        self._fma(loops, 0.5, out.ctypes.data)
        return out

    def stream(self, area: NDArray[np.uint8], buffers: int, rotated: int, kept: int, steps: int) -> NDArray[np.uint32]:
        """Reads the next of `buffers` areas of `rotated` bytes, then adds 1 to each int32 of `kept` bytes, per step.

        `area` holds them all, one after the other; it is aligned, and both sizes are multiples of `bytes_per_loop`.
        Gives, by lane, the exclusive or of what was read.
        """
        start = area.ctypes.data
        out = np.empty(self.vector_bytes // 4, np.uint32)
        self._stream(start, buffers, rotated, start + buffers * rotated, kept, steps, out.ctypes.data)
        return out


def load_probes() -> Probes:
    """Compiles the loops, whatever lesser target `TFC_TARGET` forces on tfc."""
    target = host_target(available_targets()[0])
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(probe_ir(target))
    machine = llvm.Target.from_triple(target.triple).create_target_machine(features=target.features, opt=3)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    integer, pointer = ctypes.c_int64, ctypes.c_void_p
    fma = ctypes.CFUNCTYPE(None, integer, ctypes.c_float, pointer)
    stream = ctypes.CFUNCTYPE(None, pointer, integer, integer, pointer, integer, integer, pointer)
    return Probes(
        target.vector_bytes,
        fma(engine.get_function_address("fma")),
        stream(engine.get_function_address("stream")),
        engine,
    )


def probe_ir(target: Target) -> str:
    """The module: `fma` is one loop of independent chains; `stream` reads, then reads and writes, step by step."""
    lanes = target.vector_bytes // 4
    return _fma_ir(lanes, target.fma) + _stream_ir(lanes)


def _fma_ir(lanes: int, fused: bool) -> str:
    """Each chain x -> x * factor + 1 stays near 2. Without FMA instructions, a multiplication and an addition."""
    vector = f"<{lanes} x float>"
    one = "splat (float 1.0)"
    phis = "\n".join(f"  %a{i} = phi {vector} [ {one}, %entry ], [ %n{i}, %loop ]" for i in range(FMAS))
    if fused:
        steps = "\n".join(
            f"  %n{i} = call {vector} @llvm.fma.v{lanes}f32({vector} %a{i}, {vector} %f, {vector} {one})"
            for i in range(FMAS)
        )
    else:
        steps = "\n".join(
            f"  %m{i} = fmul {vector} %a{i}, %f\n  %n{i} = fadd {vector} %m{i}, {one}" for i in range(FMAS)
        )
    return f"""
declare {vector} @llvm.fma.v{lanes}f32({vector}, {vector}, {vector})
define void @fma(i64 %loops, float %factor, ptr %out) {{
entry:
  %f0 = insertelement {vector} poison, float %factor, i64 0
  %f = shufflevector {vector} %f0, {vector} poison, <{lanes} x i32> zeroinitializer
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i1, %loop ]
{phis}
{steps}
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %loops
  br i1 %more, label %loop, label %end
end:
{_gather("fadd", vector, FMAS)}
  ret void
}}
"""


def _stream_ir(lanes: int) -> str:
    vector, size = f"<{lanes} x i32>", lanes * 4
    unit = size * LOADS
    phis = "\n".join(f"  %a{i} = phi {vector} [ %s{i}, %step ], [ %n{i}, %read ]" for i in range(LOADS))
    carried = "\n".join(f"  %s{i} = phi {vector} [ zeroinitializer, %entry ], [ %n{i}, %done ]" for i in range(LOADS))
    reads = "\n".join(
        f"  %p{i} = getelementptr i8, ptr %p, i64 {i * size}\n"
        f"  %v{i} = load {vector}, ptr %p{i}, align {size}\n"
        f"  %n{i} = xor {vector} %a{i}, %v{i}"
        for i in range(LOADS)
    )
    changes = "\n".join(
        f"  %q{i} = getelementptr i8, ptr %q, i64 {i * size}\n"
        f"  %u{i} = load {vector}, ptr %q{i}, align {size}\n"
        f"  %w{i} = add {vector} %u{i}, splat (i32 1)\n"
        f"  store {vector} %w{i}, ptr %q{i}, align {size}"
        for i in range(LOADS)
    )
    return f"""
define void @stream(ptr %start, i64 %buffers, i64 %rotated, ptr %kept, i64 %size, i64 %steps, ptr %out) {{
entry:
  br label %step
step:
  %i = phi i64 [ 0, %entry ], [ %i1, %done ]
{carried}
  %turn = urem i64 %i, %buffers
  %offset = mul i64 %turn, %rotated
  %buffer = getelementptr i8, ptr %start, i64 %offset
  br label %read
read:
  %j = phi i64 [ 0, %step ], [ %j1, %read ]
{phis}
  %p = getelementptr i8, ptr %buffer, i64 %j
{reads}
  %j1 = add i64 %j, {unit}
  %reading = icmp slt i64 %j1, %rotated
  br i1 %reading, label %read, label %change
change:
  %k = phi i64 [ 0, %read ], [ %k1, %change ]
  %q = getelementptr i8, ptr %kept, i64 %k
{changes}
  %k1 = add i64 %k, {unit}
  %changing = icmp slt i64 %k1, %size
  br i1 %changing, label %change, label %done
done:
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %steps
  br i1 %more, label %step, label %end
end:
{_gather("xor", vector, LOADS)}
  ret void
}}
"""


def _gather(operation: str, vector: str, count: int) -> str:
    """Combines %n0, %n1, … and stores the result, so that nothing is left out as unused."""
    lines = [f"  %c0 = {operation} {vector} %n0, %n1"]
    lines += [f"  %c{i} = {operation} {vector} %c{i - 1}, %n{i + 1}" for i in range(1, count - 1)]
    return "\n".join([*lines, f"  store {vector} %c{count - 2}, ptr %out, align 4"])
