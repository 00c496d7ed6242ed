"""Loads, stores and accumulations: the form of an access follows from how its address depends on the lane."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

from tfc.ir.expr import identity
from tfc.ir.index import Dim, Index, bounds, rejoined
from tfc.ir.types import DType, Shape

from .context import Context, View, memory_element
from .indices import arithmetic, index_value, lane_form, resolve, terms
from .primitives import apply, choose, constant, reduce_lanes
from .streams import forms
from .writer import I1, PTR, Value, integer, known_lanes, suffix, type_text

Form = tuple[Dim, Dim] | None
Combine = Callable[[Value], Value]
"""What an accumulation makes of the old value."""


def flat_index(cx: Context, view: View, index: Shape) -> Dim:
    """The resolved offset of an element from the view's pointer, in elements."""
    if len(index) != len(view.steps):
        raise cx.error(f"{len(index)} indices into a buffer of rank {len(view.steps)}")
    flat = view.origin
    for i, step in zip(index, view.steps, strict=True):
        flat = flat + resolve(cx, i) * step
    return rejoined(flat)


def _pointer(cx: Context, view: View, flat: Dim) -> Value:
    """The address of a uniform offset, in stages: what changes least often first, so that it is computed outside."""
    parts, offset = terms(cx, flat)
    pointer, elem = view.pointer, memory_element(view.dtype)
    while parts:
        stage = parts.pop(0)
        while parts and parts[0].level == stage.level:
            stage = arithmetic(cx, "add nsw", stage, parts.pop(0))
        pointer = cx.w.pure(PTR, 0, f"getelementptr {elem}, {pointer.typed}, {stage.typed}", pointer, stage)
    if offset:
        pointer = cx.w.pure(PTR, 0, f"getelementptr {elem}, {pointer.typed}, i64 {offset}", pointer)
    return pointer


def _pointers(cx: Context, view: View, flat: Dim) -> Value:
    """One address per lane."""
    offsets = cx.w.splat(index_value(cx, flat), cx.lanes)
    text = f"getelementptr {memory_element(view.dtype)}, {view.pointer.typed}, {offsets.typed}"
    return cx.w.pure(PTR, cx.lanes, text, view.pointer, offsets)


def _alignment(view: View, flat: Dim) -> int:
    """Bytes that divide the address, as far as the index tells."""
    coefficients = [c for _, c in flat.terms] if isinstance(flat, Index) else [flat]
    return gcd(view.align, *(c * view.dtype.size for c in coefficients))


def _mask(cx: Context, view: View, flat: Dim, count: int) -> Value | None:
    """The mask that an access of elements needs: none if they lie in a local buffer, whatever the lanes."""
    if cx.mask is None or not view.elements:
        return cx.mask
    low, high = bounds(flat, cx.ranges)
    inside = low is not None and high is not None and low >= 0 and high + count <= view.elements
    return None if inside else cx.mask


def as_register(cx: Context, dtype: DType, v: Value) -> Value:
    """A value as it is in memory, as it is in registers."""
    if not dtype.is_bool:
        return v
    zero = f"splat ({v.elem} 0)" if v.lanes else "0"
    return cx.w.pure(I1, v.lanes, f"icmp ne {v.typed}, {zero}", v)


def as_memory(cx: Context, dtype: DType, v: Value) -> Value:
    """A value as it is in registers, as it is in memory."""
    if not dtype.is_bool:
        return v
    return cx.w.pure("i8", v.lanes, f"zext {v.typed} to {type_text('i8', v.lanes)}", v)


def _zero(elem: str, lanes: int) -> Value:
    return Value("zeroinitializer", elem, lanes)


# --- loads


def load(cx: Context, view: View, index: Shape) -> Value:
    """The element at an index, or one per lane; lanes that are masked off give zero or what is there, unread."""
    flat = flat_index(cx, view, index)
    form = lane_form(cx, flat)
    if form is None:
        value = _gather(cx, view, flat)
    elif form[0] == 0:
        value = _load_uniform(cx, view, flat)
    elif form[0] == 1:
        value = _load_vector(cx, view, form[1])
    else:
        value = _load_strided(cx, view, flat, form)
    return as_register(cx, view.dtype, value)


def _read(cx: Context, view: View, elem: str, lanes: int, pointer: Value, align: int) -> Value:
    text = f"load {type_text(elem, lanes)}, {pointer.typed}, align {align}"
    if view.constant and cx.mask is None:
        return cx.w.invariant(elem, lanes, text, pointer)
    return cx.w.effect(elem, lanes, text)


def _load_uniform(cx: Context, view: View, flat: Dim) -> Value:
    elem = memory_element(view.dtype)
    if _mask(cx, view, flat, 1) is not None:
        if cx.region is None:
            return _load_guarded(cx, view, flat)
        cx.rely_on_active()
    return _read(cx, view, elem, 0, _pointer(cx, view, flat), _alignment(view, flat))


def _load_guarded(cx: Context, view: View, flat: Dim) -> Value:
    """A scalar that is read only if some lane wants it."""
    elem, w = memory_element(view.dtype), cx.w
    mask = cx.mask
    assert mask is not None
    some, before = cx.any(mask), w.block
    then, done = w.fresh("then"), w.fresh("done")
    w.branch(some, then, done)
    w.label(then)
    with w.conditional():
        value = _read(cx, view, elem, 0, _pointer(cx, view, flat), _alignment(view, flat))
    w.jump(done)
    w.label(done)
    return w.phi(elem, 0, (value, then), (Value("zeroinitializer", elem), before))


def _load_vector(cx: Context, view: View, first: Dim) -> Value:
    elem, n = memory_element(view.dtype), cx.lanes
    pointer, align = _pointer(cx, view, first), _alignment(view, first)
    mask = _mask(cx, view, first, n)
    if mask is None:
        return _read(cx, view, elem, n, pointer, align)
    name = f"llvm.masked.load.{suffix(elem, n)}.p0"
    return cx.w.call_effect(name, elem, n, pointer, integer(align, "i32"), mask, _zero(elem, n))


def read_at(cx: Context, view: View, first: Dim, lanes: int, mask: Value | None = None) -> Value:
    """Elements side by side as they are in memory; outside of a vector loop."""
    elem, pointer, align = memory_element(view.dtype), _pointer(cx, view, first), _alignment(view, first)
    if mask is None:
        return _read(cx, view, elem, lanes, pointer, align)
    name = f"llvm.masked.load.{suffix(elem, lanes)}.p0"
    args = (pointer, integer(align, "i32"), mask, _zero(elem, lanes))
    if view.constant:
        return cx.w.call_invariant(name, elem, lanes, pointer, *args)
    return cx.w.call_effect(name, elem, lanes, *args)


def _load_strided(cx: Context, view: View, flat: Dim, form: tuple[Dim, Dim]) -> Value:
    """One scalar load per lane: no slower than a gather instruction where one exists."""
    if cx.mask is not None:
        return _gather(cx, view, flat)
    elem, n = memory_element(view.dtype), cx.lanes
    vector = Value("poison", elem, n)
    for k in range(n):
        at = form[0] * k + form[1]
        one = _read(cx, view, elem, 0, _pointer(cx, view, at), _alignment(view, at))
        vector = cx.w.pure(elem, n, f"insertelement {vector.typed}, {one.typed}, i64 {k}", vector, one)
    return vector


def _gather(cx: Context, view: View, flat: Dim) -> Value:
    elem, n = memory_element(view.dtype), cx.lanes
    mask = cx.mask or Value("splat (i1 true)", I1, n)
    name = f"llvm.masked.gather.{suffix(elem, n)}.{suffix(PTR, n)}"
    align = integer(gcd(view.align, view.dtype.size), "i32")
    return cx.w.call_effect(name, elem, n, _pointers(cx, view, flat), align, mask, _zero(elem, n))


# --- stores


def store(cx: Context, view: View, index: Shape, value: Value) -> None:
    """Writes a value, in a vector loop the active lanes' values."""
    flat = flat_index(cx, view, index)
    form = lane_form(cx, flat)
    if form is not None and form[0] == 0 and not value.lanes:
        with cx.active():
            _store_scalar(cx, view, flat, as_memory(cx, view.dtype, value))
        return
    value = as_memory(cx, view.dtype, cx.w.splat(value, cx.lanes))
    if form is not None and form[0] == 1:
        _store_vector(cx, view, form[1], value)
    elif cx.mask is None and form is not None and form[0] != 0:
        for k in range(cx.lanes):
            _store_scalar(cx, view, form[0] * k + form[1], cx.w.lane(value, k))
    else:
        name = f"llvm.masked.scatter.{suffix(value.elem, cx.lanes)}.{suffix(PTR, cx.lanes)}"
        align = integer(gcd(view.align, view.dtype.size), "i32")
        mask = cx.mask or Value("splat (i1 true)", I1, cx.lanes)
        cx.w.call_void(name, value, _pointers(cx, view, flat), align, mask)


def write_at(cx: Context, view: View, first: Dim, value: Value, mask: Value | None = None) -> None:
    """Writes elements side by side, given as they are in memory; outside of a vector loop."""
    pointer, align = _pointer(cx, view, first), _alignment(view, first)
    if mask is None:
        cx.w.emit(f"  store {value.typed}, {pointer.typed}, align {align}")
    else:
        name = f"llvm.masked.store.{suffix(value.elem, value.lanes)}.p0"
        cx.w.call_void(name, value, pointer, integer(align, "i32"), mask)


def _store_scalar(cx: Context, view: View, flat: Dim, value: Value) -> None:
    cx.w.emit(f"  store {value.typed}, {_pointer(cx, view, flat).typed}, align {_alignment(view, flat)}")


def _store_vector(cx: Context, view: View, first: Dim, value: Value) -> None:
    pointer, align = _pointer(cx, view, first), _alignment(view, first)
    mask = _mask(cx, view, first, value.lanes)
    if cx.mask is not None and mask is None:
        # A plain store of a choice, unlike a masked one, lets LLVM keep the buffer in registers.
        old = cx.w.effect(value.elem, value.lanes, f"load {value.type}, {pointer.typed}, align {align}")
        value = choose(cx, cx.mask, value, old)
    if mask is None:
        for past in forms(cx, view, first, value):
            cx.w.emit(f"  store {value.typed}, {pointer.typed}, align {past or align}")
        return
    lanes = known_lanes(mask)
    if lanes is not None and sum(lanes) == 1:
        # LLVM 22 makes a masked store of one lane that is known, of a truncated value, a store of the wider one.
        one = lanes.index(True)
        _store_scalar(cx, view, first + one, cx.w.lane(value, one))
        return
    name = f"llvm.masked.store.{suffix(value.elem, value.lanes)}.p0"
    cx.w.call_void(name, value, pointer, integer(align, "i32"), mask)


# --- accumulations


def accumulate(cx: Context, view: View, index: Shape, combiner: str, operands: tuple[Value, ...]) -> None:
    """`element = combiner(element, value)`. Two operands are the factors of a product that is added.

    A product that is added is contracted to a fused multiply-add where the target has one.
    """
    flat = flat_index(cx, view, index)
    form = lane_form(cx, flat)
    dtype = view.dtype

    def combine(old: Value) -> Value:
        if len(operands) == 2:
            return apply(cx, "fma", dtype, dtype, (*operands, old))
        return apply(cx, combiner, dtype, dtype, (old, operands[0]))

    if form is not None and form[0] == 0:
        if cx.lanes:
            operands = (_across_lanes(cx, combiner, dtype, operands),)
        with cx.active():
            old = as_register(cx, dtype, _scalar(cx, view, flat))
            _store_scalar(cx, view, flat, as_memory(cx, dtype, combine(old)))
    elif form is not None and form[0] == 1:
        old = as_register(cx, dtype, _load_vector(cx, view, form[1]))
        _store_vector(cx, view, form[1], as_memory(cx, dtype, combine(old)))
    else:
        _accumulate_in_turn(cx, view, flat, combiner, operands)


def _scalar(cx: Context, view: View, flat: Dim) -> Value:
    elem = memory_element(view.dtype)
    return cx.w.effect(elem, 0, f"load {elem}, {_pointer(cx, view, flat).typed}, align {_alignment(view, flat)}")


def _value(cx: Context, dtype: DType, operands: tuple[Value, ...]) -> Value:
    """The value that is accumulated, one per lane."""
    value = operands[0] if len(operands) == 1 else apply(cx, "mul", dtype, dtype, operands)
    return cx.w.splat(value, cx.lanes)


def _across_lanes(cx: Context, combiner: str, dtype: DType, operands: tuple[Value, ...]) -> Value:
    value = _value(cx, dtype, operands)
    if cx.mask is not None:
        neutral = cx.w.splat(constant(dtype, identity(combiner, dtype).value), cx.lanes)
        value = choose(cx, cx.mask, value, neutral)
    return reduce_lanes(cx, combiner, dtype, value)


def _accumulate_in_turn(cx: Context, view: View, flat: Dim, combiner: str, operands: tuple[Value, ...]) -> None:
    """Lanes may meet in one element, so each waits for the last."""
    dtype, mem = view.dtype, memory_element(view.dtype)
    value, pointers = _value(cx, dtype, operands), _pointers(cx, view, flat)
    align = gcd(view.align, dtype.size)

    def one(k: int) -> None:
        pointer = cx.w.lane(pointers, k)
        old = as_register(cx, dtype, cx.w.effect(mem, 0, f"load {mem}, {pointer.typed}, align {align}"))
        new = as_memory(cx, dtype, apply(cx, combiner, dtype, dtype, (old, cx.w.lane(value, k))))
        cx.w.emit(f"  store {new.typed}, {pointer.typed}, align {align}")

    for k in range(cx.lanes):
        if cx.mask is None:
            one(k)
            continue
        with cx.w.when(cx.w.lane(cx.mask, k)):
            one(k)
