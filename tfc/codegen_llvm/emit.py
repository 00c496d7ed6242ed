"""Program -> LLVM IR text: one internal function per kernel, and `tfc_run`, which calls them in order.

    void @tfc_run(ptr slots, ptr dims, ptr arena, ptr status)

`slots` points to the data pointers of the slots that do not live in the arena, in the order of the program's; `dims` to
its dims as i64; `status` to an i32 that is 0 on entry and receives the message of the first failed `Check`, counted
from 1. After a step with a failed check no other is run.

Loops of the kind `parallel` become functions (`parallel`), which the process's pool of threads may run; those of the
kinds `grid`, `block` and `lane` run in order, on the calling thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfc.ir.expr import At, Expr, Prim
from tfc.ir.index import Dim, Index, product
from tfc.ir.kernel import Accumulate, Alloc, Barrier, Body, Buffer, Check, For, If, Kernel, Launch, Let, Program, Store
from tfc.ir.types import Shape
from tfc.passes.target import Target

from .context import Context, Place, Region, View, memory_element
from .errors import CodegenError
from .expressions import is_of_indices, value_of, value_of_all
from .indices import index_value, resolve
from .memory import accumulate, as_memory, store
from .parallel import is_parallel, parallel_loop
from .streams import is_large, only_written, settle
from .sums import sums_together
from .tiles import loaded_tiles, stored_tiles, write_tile
from .writer import I1, I64, PTR, Value, Writer

LONG_BODY = 16
"""Statements from which on it pays to ask whether any lane needs them."""
LARGEST_LOCAL = 64 << 10
"""Bytes of the largest buffer on the stack; lowering puts larger ones into the arena."""


def emit_program(program: Program, target: Target) -> str:
    """The LLVM module of a program, for a target. Raises CodegenError for what this back end cannot compile."""
    declarations: dict[str, str] = {}
    functions = [f for k in program.kernels for f in _emit_kernel(k, target, declarations)]
    functions.append(_emit_entry(program, target, declarations))
    head = f'source_filename = "tfc"\ntarget triple = "{target.triple}"\n'
    return "\n".join((head, *functions, *declarations.values(), ""))


def _checks(body: Body) -> bool:
    return any(
        isinstance(s, Check)
        or (isinstance(s, For) and _checks(s.body))
        or (isinstance(s, If) and (_checks(s.then) or _checks(s.orelse)))
        for s in body
    )


def _symbol(kernel: str) -> str:
    return '@"k.' + kernel.replace("\\", "\\5C").replace('"', "\\22") + '"'


def _emit_kernel(kernel: Kernel, target: Target, declarations: dict[str, str]) -> list[str]:
    w = Writer(declarations)
    cx = Context(kernel.name, target, w, arguments={b.name: b for b in kernel.buffers})
    parameters: list[str] = []
    written = only_written(kernel)
    for d in kernel.dims:
        cx.bind(d, Value(w.fresh("%d"), I64), 0)
    for b in kernel.buffers:
        pointer = Value(w.fresh("%b"), PTR)
        align = b.align or b.dtype.size
        reads = b.role == "in"
        marks = ("" if b.alias else " noalias") + (" readonly" if reads else "")
        parameters.append(f"ptr{marks} align {align} {pointer.text}")
        stream = b.nbytes if b.name in written and is_large(b.nbytes, target) else 0
        view = View(b.dtype, pointer, b.steps, 0, align, reads and not b.alias, alias=b.alias, stream=stream)
        cx.views[b.name] = view
    parameters += [cx.value(d).typed for d in kernel.dims]
    if _checks(kernel.body):
        cx.status = Value("%status", PTR)
        parameters.append("ptr %status")
    if is_parallel(kernel.body):
        cx.threads = Value("%threads", I64)
        parameters.append("i64 %threads")
    emit_body(cx, kernel.body)
    settle(cx)
    return [*cx.functions, w.function(f"internal void {_symbol(kernel.name)}({', '.join(parameters)})")]


def emit_body(cx: Context, body: Body) -> None:
    with cx.names():
        for s in body:
            _STATEMENTS[type(s)](cx, s)


# --- statements


def _for(cx: Context, s: For) -> None:
    extent = resolve(cx, s.extent)
    if isinstance(extent, int) and extent <= 0:
        return
    if s.kind in ("vector", "unrolled"):
        if not isinstance(extent, int):
            raise cx.error(f"the {s.kind} loop over {s.var} needs a constant extent, got {extent}")
        (_vector if s.kind == "vector" and extent > 1 else _unrolled)(cx, s, extent)
        return
    if s.kind == "parallel":
        parallel_loop(cx, s, extent, emit_body)
        return
    count = index_value(cx, extent)
    if count.lanes:
        raise cx.error(f"the extent of the loop over {s.var} differs between the lanes of the vector loop around it")
    high = extent - 1 if isinstance(extent, int) else None
    with cx.w.loop(count) as counter, cx.names():
        cx.bind(s.var, counter, 0, high)
        emit_body(cx, s.body)


def _unrolled(cx: Context, s: For, extent: int) -> None:
    if sums_together(cx, s, extent):
        return
    loaded, stored = loaded_tiles(cx, s, extent), stored_tiles(cx, s, extent)
    columns: dict[Place, list[Value]] = {place: [] for place in stored}
    for k in range(extent):
        with cx.names(), cx.across({place: v[k] for place, v in loaded.items()}, columns):
            cx.symbols[s.var] = k
            emit_body(cx, s.body)
    for place, tile in stored.items():
        write_tile(cx, tile, columns[place])


def _vector(cx: Context, s: For, extent: int) -> None:
    if cx.lanes:
        raise cx.error(f"the vector loop over {s.var} is inside another")
    with cx.vector(s.var, extent):
        emit_body(cx, s.body)


def _let(cx: Context, s: Let) -> None:
    if isinstance(s.value, At):
        # Kept as an index, so that accesses through the name keep their form.
        cx.symbols[s.name] = resolve(cx, s.value.index)
        return
    cx.bind(s.name, value_of(cx, s.value))


def _if(cx: Context, s: If) -> None:
    condition = value_of(cx, s.condition)
    if condition.text in ("true", "false"):
        emit_body(cx, s.then if condition.text == "true" else s.orelse)
        return
    inverse = cx.inverse(condition)
    for branch, taken in ((s.then, condition), (s.orelse, inverse)):
        if branch is s.then and _is_seldom_partial(cx, s.condition, condition):
            _whole_or_masked(cx, branch, condition)
        elif branch and condition.lanes:
            _masked(cx, branch, cx.both(taken))
        elif branch:
            with cx.w.when(taken):
                emit_body(cx, branch)


def _is_seldom_partial(cx: Context, e: Expr, mask: Value) -> bool:
    """Whether a copy of the body without the mask pays: masks cost, and this one is of bounds, so mostly whole."""
    if cx.target.masks or cx.whole or cx.mask is not None or not mask.lanes or mask.is_constant:
        return False
    return is_of_indices(e)


def _whole_or_masked(cx: Context, body: Body, mask: Value) -> None:
    w = cx.w
    whole, partial, done = w.fresh("whole"), w.fresh("partial"), w.fresh("done")
    w.branch(cx.all(mask), whole, partial)
    w.label(whole)
    cx.whole = True
    with w.conditional():
        emit_body(cx, body)
    cx.whole = False
    w.jump(done)
    w.label(partial)
    with w.conditional():
        _masked(cx, body, mask)
    w.jump(done)
    w.label(done)


def _masked(cx: Context, body: Body, mask: Value) -> None:
    """A body under a lane mask; it gets a branch around it only if it is long or does what needs an active lane."""
    w = cx.w
    then, done = w.fresh("then"), w.fresh("done")
    some = cx.any(mask)
    lines, at = w.lines, len(w.lines)
    w.jump(then)
    w.label(then)
    region = Region(nonempty=len(body) > LONG_BODY)
    with w.conditional(), cx.masked(mask, region):
        emit_body(cx, body)
    w.jump(done)
    w.label(done)
    if region.nonempty:
        lines[at] = f"  br {some.typed}, label %{then}, label %{done}"


def _store(cx: Context, s: Store) -> None:
    value, view = value_of(cx, s.value), _view(cx, s.buffer)
    if (s.buffer, s.index) in cx.waiting:
        cx.waiting[s.buffer, s.index].append(as_memory(cx, view.dtype, cx.w.splat(value, cx.lanes)))
    else:
        store(cx, view, s.index, value)


def _accumulate(cx: Context, s: Accumulate) -> None:
    view, e = _view(cx, s.buffer), s.value
    fused = s.combiner == "add" and view.dtype.is_float and cx.target.fma
    factors = e.args if fused and isinstance(e, Prim) and e.op == "mul" else (e,)
    accumulate(cx, view, s.index, s.combiner, value_of_all(cx, *factors))


def _view(cx: Context, buffer: str) -> View:
    if buffer not in cx.views:
        raise cx.error(f"buffer {buffer} is not known here")
    return cx.views[buffer]


def _alloc(cx: Context, s: Alloc) -> None:
    b = s.buffer
    if b.space not in ("register", "stack"):
        raise cx.error(f"buffer {b.name} is in space {b.space}; the CPU has register and stack")
    lanes = cx.lanes or 1
    shape = tuple(resolve(cx, d) for d in b.shape)
    size = product(shape)
    if not isinstance(size, int):
        raise cx.error(f"local buffer {b.name} needs constant dims, got {shape}")
    if size * lanes * b.dtype.size > LARGEST_LOCAL:
        raise cx.error(f"local buffer {b.name} of {size * lanes * b.dtype.size} bytes is larger than {LARGEST_LOCAL}")
    pointer = Value(cx.w.fresh("%a"), PTR)
    cx.w.allocas.append(f"  {pointer.text} = alloca [{size * lanes} x {memory_element(b.dtype)}], align 64")
    # In a vector loop each lane has its own, side by side.
    steps: Shape = tuple(resolve(cx, step) * lanes for step in b.steps)
    origin: Dim = Index.symbol(cx.lane) if cx.lanes else 0
    cx.views[b.name] = View(b.dtype, pointer, steps, origin, 64, elements=size * lanes)


def _check(cx: Context, s: Check) -> None:
    w, condition = cx.w, value_of(cx, s.condition)
    failed = cx.inverse(condition)
    if failed.lanes or cx.mask is not None:
        failed = cx.any(cx.both(failed))
    status = cx.status
    assert status is not None
    with w.when(failed):
        if cx.at_once:
            w.effect(
                "{ i32, i1 }", 0, f"cmpxchg {status.typed}, i32 0, i32 {s.message + 1} monotonic monotonic, align 4"
            )
            return
        old = w.effect("i32", 0, f"load i32, {status.typed}, align 4")
        first = w.pure(I1, 0, f"icmp eq {old.typed}, 0", old)
        new = w.pure("i32", 0, f"select {first.typed}, i32 {s.message + 1}, {old.typed}", first, old)
        w.emit(f"  store {new.typed}, {status.typed}, align 4")


def _barrier(cx: Context, s: Barrier) -> None:
    raise cx.error("barriers belong to device kernels")


_STATEMENTS: dict[type, Callable[[Context, Any], None]] = {
    For: _for,
    Let: _let,
    If: _if,
    Store: _store,
    Accumulate: _accumulate,
    Alloc: _alloc,
    Check: _check,
    Barrier: _barrier,
}


# --- the entry


def _emit_entry(program: Program, target: Target, declarations: dict[str, str]) -> str:
    w = Writer(declarations)
    cx = Context(f"{program.name} (entry)", target, w)
    for k, d in enumerate(program.dims):
        at = w.pure(PTR, 0, f"getelementptr i64, ptr %dims, i64 {k}")
        cx.bind(d, w.effect(I64, 0, f"load i64, {at.typed}, align 8"), 0)
    pointers = _slot_pointers(program, cx)
    kernels = {k.name: k for k in program.kernels}
    if any(is_parallel(k.body) for k in program.kernels):
        cx.threads = w.call_effect("tfc_threads", I64, 0)
    for step in program.steps:
        _launch(cx, step, kernels, pointers, {s.buffer.name: s.buffer for s in program.slots})
        if step is not program.steps[-1] and _checks(kernels[step.kernel].body):
            _stop_where_failed(w)
    parameters = ", ".join(f"ptr noalias {p}" for p in ("%slots", "%dims", "%arena", "%status"))
    return w.function(f"void @tfc_run({parameters})")


def _stop_where_failed(w: Writer) -> None:
    status = w.effect("i32", 0, "load i32, ptr %status, align 4")
    stop, further = w.fresh("stop"), w.fresh("further")
    w.branch(w.pure(I1, 0, f"icmp ne {status.typed}, 0", status), stop, further)
    w.label(stop)
    w.emit("  ret void")
    w.label(further)


def _slot_pointers(program: Program, cx: Context) -> dict[str, Value]:
    pointers: dict[str, Value] = {}
    given = 0
    for slot in program.slots:
        if slot.kind == "arena":
            offset = index_value(cx, resolve(cx, slot.offset))
            pointers[slot.buffer.name] = cx.w.pure(PTR, 0, f"getelementptr i8, ptr %arena, {offset.typed}", offset)
            continue
        at = cx.w.pure(PTR, 0, f"getelementptr ptr, ptr %slots, i64 {given}")
        pointers[slot.buffer.name] = cx.w.effect(PTR, 0, f"load ptr, {at.typed}, align 8")
        given += 1
    return pointers


def _launch(
    cx: Context, step: Launch, kernels: dict[str, Kernel], pointers: dict[str, Value], buffers: dict[str, Buffer]
) -> None:
    kernel = kernels.get(step.kernel)
    if kernel is None:
        raise CodegenError(f"the program launches {step.kernel}, which it does not have")
    if len(step.args) != len(kernel.buffers) or len(step.dims) != len(kernel.dims):
        raise CodegenError(
            f"the launch of {step.kernel} gives {len(step.args)} buffers and {len(step.dims)} dims, "
            f"expected {len(kernel.buffers)} and {len(kernel.dims)}"
        )
    for name, parameter in zip(step.args, kernel.buffers, strict=True):
        if name not in pointers:
            raise CodegenError(f"the launch of {step.kernel} names {name}, which is no slot of the program")
        if buffers[name].dtype != parameter.dtype:
            raise CodegenError(
                f"the launch of {step.kernel} passes {name} of {buffers[name].dtype} as {parameter.name} "
                f"of {parameter.dtype}"
            )
    args = [pointers[name].typed for name in step.args]
    args += [index_value(cx, resolve(cx, d)).typed for d in step.dims]
    if _checks(kernel.body):
        args.append("ptr %status")
    if is_parallel(kernel.body):
        assert cx.threads is not None
        args.append(cx.threads.typed)
    cx.w.emit(f"  call void {_symbol(kernel.name)}({', '.join(args)})")
