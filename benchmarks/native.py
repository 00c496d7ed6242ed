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
MIXES = (2, 4, 8, 16, 32)
"""How many vectors may be written for each `LOADS` that are read, where both are done in one loop."""


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

    def stream(self, traffic: Areas, steps: int, past_caches: bool, mix: int = 0) -> NDArray[np.uint32]:
        """Per step: reads the next of the buffers, reads what stays, and writes the step's number to each int32.

        `past_caches` writes by non-temporal stores; so does a `mix` of `MIXES`, which writes so many vectors for each
        `LOADS` that it reads. Gives, by lane, the exclusive or of what was read.
        """
        rotated, read, written = (area.ctypes.data for area in (traffic.rotated, traffic.read, traffic.written))
        out = np.zeros(self.vector_bytes // 4, np.uint32)
        each = traffic.rotated.size // traffic.buffers
        self._stream(
            rotated,
            traffic.buffers,
            each,
            read,
            traffic.read.size,
            written,
            traffic.written.size,
            past_caches,
            traffic.pieces,
            mix,
            steps,
            out.ctypes.data,
        )
        return out


@dataclass(frozen=True)
class Areas:
    """Aligned bytes, each a multiple of `pieces` times `bytes_per_loop`: `buffers` that are read in turn, one after the
    other; what is read in each step; what is written in each step. A step goes through them in so many pieces.
    """

    buffers: int
    rotated: NDArray[np.uint8]
    read: NDArray[np.uint8]
    written: NDArray[np.uint8]
    pieces: int = 1


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
    sizes = (
        pointer,
        integer,
        integer,
        pointer,
        integer,
        pointer,
        integer,
        ctypes.c_bool,
        integer,
        integer,
        integer,
        pointer,
    )
    stream = ctypes.CFUNCTYPE(None, *sizes)
    return Probes(
        target.vector_bytes,
        fma(engine.get_function_address("fma")),
        stream(engine.get_function_address("stream")),
        engine,
    )


def probe_ir(target: Target) -> str:
    """The module: `fma` is one loop of independent chains; `stream` reads, then writes, step by step."""
    lanes = target.vector_bytes // 4
    ways = _write_ir(lanes, "write", "") + _write_ir(lanes, "write_past", ", !nontemporal !0")
    mixes = "".join(_mix_ir(lanes, mix) for mix in MIXES)
    return _fma_ir(lanes, target.fma) + _read_ir(lanes) + ways + mixes + _stream_ir()


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


def _read_ir(lanes: int) -> str:
    """Adds what it reads, by exclusive or, to the vector at %out."""
    vector, size = f"<{lanes} x i32>", lanes * 4
    starts = ["%before", *["zeroinitializer"] * (LOADS - 1)]
    phis = "\n".join(f"  %a{i} = phi {vector} [ {start}, %entry ], [ %b{i}, %body ]" for i, start in enumerate(starts))
    reads = "\n".join(
        f"  %p{i} = getelementptr i8, ptr %p, i64 {i * size}\n"
        f"  %v{i} = load {vector}, ptr %p{i}, align {size}\n"
        f"  %b{i} = xor {vector} %a{i}, %v{i}"
        for i in range(LOADS)
    )
    ends = "\n".join(f"  %n{i} = or {vector} %a{i}, zeroinitializer" for i in range(LOADS))
    return f"""
define void @read(ptr %start, i64 %size, ptr %out) {{
entry:
  %before = load {vector}, ptr %out, align 4
  br label %loop
loop:
  %j = phi i64 [ 0, %entry ], [ %j1, %body ]
{phis}
  %more = icmp slt i64 %j, %size
  br i1 %more, label %body, label %end
body:
  %p = getelementptr i8, ptr %start, i64 %j
{reads}
  %j1 = add i64 %j, {size * LOADS}
  br label %loop
end:
{ends}
{_gather("xor", vector, LOADS)}
  ret void
}}
"""


def _write_ir(lanes: int, name: str, how: str) -> str:
    """Writes %value to each int32; `how` is added to the stores."""
    vector, size = f"<{lanes} x i32>", lanes * 4
    writes = "\n".join(
        f"  %q{i} = getelementptr i8, ptr %q, i64 {i * size}\n  store {vector} %v, ptr %q{i}, align {size}{how}"
        for i in range(LOADS)
    )
    return f"""
define void @{name}(ptr %start, i64 %size, i32 %value) {{
entry:
  %v0 = insertelement {vector} poison, i32 %value, i64 0
  %v = shufflevector {vector} %v0, {vector} poison, <{lanes} x i32> zeroinitializer
  br label %loop
loop:
  %j = phi i64 [ 0, %entry ], [ %j1, %body ]
  %more = icmp slt i64 %j, %size
  br i1 %more, label %body, label %end
body:
  %q = getelementptr i8, ptr %start, i64 %j
{writes}
  %j1 = add i64 %j, {size * LOADS}
  br label %loop
end:
  ret void
}}
"""


def _mix_ir(lanes: int, mix: int) -> str:
    """Reads by two streams, and writes in the same loop; what is then left to write after it, in whole blocks."""
    vector, size = f"<{lanes} x i32>", lanes * 4
    half = LOADS // 2
    starts = ["%before", *["zeroinitializer"] * (LOADS - 1)]
    phis = "\n".join(f"  %a{i} = phi {vector} [ {start}, %entry ], [ %b{i}, %body ]" for i, start in enumerate(starts))
    reads = "\n".join(
        f"  %p{i} = getelementptr i8, ptr %p{'.far' if i >= half else '.near'}, i64 {i % half * size}\n"
        f"  %v{i} = load {vector}, ptr %p{i}, align {size}\n"
        f"  %b{i} = xor {vector} %a{i}, %v{i}"
        for i in range(LOADS)
    )
    writes = "\n".join(
        f"  %q{i} = getelementptr i8, ptr %q, i64 {i * size}\n"
        f"  store {vector} %v, ptr %q{i}, align {size}, !nontemporal !0"
        for i in range(mix)
    )
    ends = "\n".join(f"  %n{i} = or {vector} %a{i}, zeroinitializer" for i in range(LOADS))
    return f"""
define void @mix{mix}(ptr %start, i64 %size, ptr %target, i64 %written, i32 %value, ptr %out) {{
entry:
  %before = load {vector}, ptr %out, align 4
  %v0.value = insertelement {vector} poison, i32 %value, i64 0
  %v = shufflevector {vector} %v0.value, {vector} poison, <{lanes} x i32> zeroinitializer
  %far = udiv i64 %size, 2
  %start.far = getelementptr i8, ptr %start, i64 %far
  br label %loop
loop:
  %j = phi i64 [ 0, %entry ], [ %j1, %body ]
  %k = phi i64 [ 0, %entry ], [ %k1, %body ]
{phis}
  %more = icmp slt i64 %j, %far
  br i1 %more, label %body, label %end
body:
  %p.near = getelementptr i8, ptr %start, i64 %j
  %p.far = getelementptr i8, ptr %start.far, i64 %j
{reads}
  %q = getelementptr i8, ptr %target, i64 %k
{writes}
  %j1 = add i64 %j, {size * half}
  %k1 = add i64 %k, {size * mix}
  br label %loop
end:
{ends}
{_gather("xor", vector, LOADS)}
  %blocks = udiv i64 %k, {size * LOADS}
  %from = mul i64 %blocks, {size * LOADS}
  %rest = getelementptr i8, ptr %target, i64 %from
  %left = sub i64 %written, %from
  call void @write_past(ptr %rest, i64 %left, i32 %value)
  ret void
}}
"""


def _stream_ir() -> str:
    cases = " ".join(f"i64 {mix}, label %mix{mix}" for mix in MIXES)
    calls = "\n".join(
        f"mix{mix}:\n"
        f"  call void @mix{mix}(ptr %buffer, i64 %rotated, ptr %target, i64 %written, i32 %value, ptr %out)\n"
        "  br label %done"
        for mix in MIXES
    )
    return f"""
define void @stream(ptr %start, i64 %buffers, i64 %rotated, ptr %kept, i64 %read, ptr %target, i64 %written,
                    i1 zeroext %past, i64 %pieces, i64 %mix, i64 %steps, ptr %out) {{
entry:
  %rotated.piece = udiv i64 %rotated, %pieces
  %read.piece = udiv i64 %read, %pieces
  %written.piece = udiv i64 %written, %pieces
  br label %step
step:
  %i = phi i64 [ 0, %entry ], [ %i1, %done ]
  %i1 = add i64 %i, 1
  %value = trunc i64 %i1 to i32
  %turn = urem i64 %i, %buffers
  %offset = mul i64 %turn, %rotated
  %buffer = getelementptr i8, ptr %start, i64 %offset
  %mixed = icmp ne i64 %mix, 0
  br i1 %mixed, label %mixing, label %piece
mixing:
  call void @read(ptr %kept, i64 %read, ptr %out)
  switch i64 %mix, label %done [ {cases} ]
{calls}
piece:
  %k = phi i64 [ 0, %step ], [ %k1, %written.done ]
  %rotated.at = mul i64 %k, %rotated.piece
  %buffer.at = getelementptr i8, ptr %buffer, i64 %rotated.at
  call void @read(ptr %buffer.at, i64 %rotated.piece, ptr %out)
  %read.at = mul i64 %k, %read.piece
  %kept.at = getelementptr i8, ptr %kept, i64 %read.at
  call void @read(ptr %kept.at, i64 %read.piece, ptr %out)
  %written.at = mul i64 %k, %written.piece
  %target.at = getelementptr i8, ptr %target, i64 %written.at
  br i1 %past, label %around, label %through
around:
  call void @write_past(ptr %target.at, i64 %written.piece, i32 %value)
  br label %written.done
through:
  call void @write(ptr %target.at, i64 %written.piece, i32 %value)
  br label %written.done
written.done:
  %k1 = add i64 %k, 1
  %next.piece = icmp slt i64 %k1, %pieces
  br i1 %next.piece, label %piece, label %done
done:
  %more = icmp slt i64 %i1, %steps
  br i1 %more, label %step, label %end
end:
  ret void
}}
!0 = !{{i32 1}}
"""


def _gather(operation: str, vector: str, count: int) -> str:
    """Combines %n0, %n1, … and stores the result, so that nothing is left out as unused."""
    lines = [f"  %c0 = {operation} {vector} %n0, %n1"]
    lines += [f"  %c{i} = {operation} {vector} %c{i - 1}, %n{i + 1}" for i in range(1, count - 1)]
    return "\n".join([*lines, f"  store {vector} %c{count - 2}, ptr %out, align 4"])
