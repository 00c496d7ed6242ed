"""Scalar expressions as SSA values, uniform or one per lane."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from tfc.ir import types as T
from tfc.ir.expr import At, Const, Expr, Load, Name, Prim
from tfc.ir.index import Dim, Index
from tfc.ir.types import Shape

from .context import Context, element
from .indices import compare_indices, index_value, resolve
from .memory import as_register, load
from .primitives import apply, constant
from .writer import Value

_COMPARISONS = frozenset(("lt", "le", "gt", "ge", "eq", "ne"))
_Loads = dict[tuple[str, Shape], Value]


def value_of(cx: Context, e: Expr) -> Value:
    """The value of an expression. Shared subexpressions are computed once; depth is not limited by Python's stack."""
    return _Emission(cx).value(e)


def value_of_all(cx: Context, *exprs: Expr) -> tuple[Value, ...]:
    """The values of several expressions that share what they load."""
    emission = _Emission(cx)
    return tuple(emission.value(e) for e in exprs)


def as_index(e: Expr) -> Dim | None:
    """An int64 expression as an index, where it is one as it stands."""
    match e:
        case At(index=i):
            return i
        case Const(dtype=T.int64, value=v):
            return int(v)
        case Name(dtype=T.int64, name=n):
            return Index.symbol(n)
    return None


def is_of_indices(root: Expr) -> bool:
    """Whether an expression is made of indices and constants alone."""
    stack, seen = [root], set()
    while stack:
        e = stack.pop()
        if isinstance(e, (Load, Name)):
            return False
        if isinstance(e, Prim) and id(e) not in seen:
            seen.add(id(e))
            stack.extend(e.args)
    return True


@dataclass
class _Emission:
    """One expression on the way: values by the identity of their nodes, and what has been loaded under this mask."""

    cx: Context
    done: dict[int, Value] = field(default_factory=dict)
    loads: _Loads = field(default_factory=dict)
    _loading: dict[int, bool] = field(default_factory=dict)

    def value(self, root: Expr) -> Value:
        stack = [root]
        while stack:
            e = stack[-1]
            if id(e) in self.done:
                stack.pop()
                continue
            waiting = [a for a in self._needed(e) if id(a) not in self.done]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            self.done[id(e)] = self._node(e)
            stack.pop()
        return self.done[id(root)]

    def _needed(self, e: Expr) -> tuple[Expr, ...]:
        """The operands to compute before a node."""
        if not isinstance(e, Prim) or self._index_pair(e) is not None:
            return ()
        return e.args[:1] if e.op == "select" and self._guards(e) else e.args

    def _index_pair(self, e: Prim) -> tuple[Dim, Dim] | None:
        if e.op not in _COMPARISONS or e.args[0].dtype != T.int64:
            return None
        a, b = (as_index(x) for x in e.args)
        return None if a is None or b is None else (a, b)

    def _node(self, e: Expr) -> Value:
        match e:
            case Const(dtype=d, value=v):
                return constant(d, v)
            case At(index=i):
                return index_value(self.cx, resolve(self.cx, i))
            case Name(name=n):
                if n in self.cx.symbols:
                    return index_value(self.cx, resolve(self.cx, Index.symbol(n)))
                return self.cx.value(n)
            case Load(buffer=b, index=i):
                return self._load(b, i)
            case Prim():
                return self._prim(e)
        raise self.cx.error(f"unknown expression {e}")

    def _load(self, buffer: str, index: Shape) -> Value:
        if buffer not in self.cx.views:
            raise self.cx.error(f"buffer {buffer} is not known here")
        if (buffer, index) not in self.loads:
            view, ahead = self.cx.views[buffer], self.cx.read.get((buffer, index))
            value = load(self.cx, view, index) if ahead is None else as_register(self.cx, view.dtype, ahead)
            self.loads[buffer, index] = value
        return self.loads[buffer, index]

    def _prim(self, e: Prim) -> Value:
        pair = self._index_pair(e)
        if pair is not None:
            return compare_indices(self.cx, e.op, *pair)
        if e.op == "select" and id(e.args[1]) not in self.done:
            return self._guarded_select(e)
        if e.op == "select" and id(e.args[2]) not in self.done:
            return self._guarded_select(e)
        return apply(self.cx, e.op, e.dtype, e.args[-1].dtype, tuple(self.done[id(a)] for a in e.args))

    def _guards(self, e: Prim) -> bool:
        """Whether an arm of a `select` reads what has not been read on every path."""
        return self._reads(e.args[1]) or self._reads(e.args[2])

    def _reads(self, root: Expr) -> bool:
        """Whether an expression below loads something new; decided once per node."""
        stack = [root]
        while stack:
            e = stack[-1]
            if id(e) in self.done:
                self._loading[id(e)] = False
            if id(e) in self._loading:
                stack.pop()
                continue
            if isinstance(e, Load):
                self._loading[id(e)] = True
            elif not isinstance(e, Prim):
                self._loading[id(e)] = False
            else:
                waiting = [a for a in e.args if id(a) not in self._loading]
                if waiting:
                    stack.extend(waiting)
                    continue
                self._loading[id(e)] = any(self._loading[id(a)] for a in e.args)
        return self._loading[id(root)] and self._reads_anew(root)

    def _reads_anew(self, root: Expr) -> bool:
        """Whether some load below is not among those that were made already."""
        stack, seen = [root], set()
        while stack:
            e = stack.pop()
            if id(e) in seen:
                continue
            seen.add(id(e))
            if isinstance(e, Load) and (e.buffer, e.index) not in self.loads:
                return True
            if isinstance(e, Prim):
                stack.extend(a for a in e.args if self._loading.get(id(a), True))
        return False

    def _guarded_select(self, e: Prim) -> Value:
        condition = self.done[id(e.args[0])]
        if condition.text in ("true", "false"):
            return self._apart().value(e.args[1 if condition.text == "true" else 2])
        return self._by_masks(e, condition) if condition.lanes else self._by_branches(e, condition)

    def _apart(self) -> _Emission:
        """An emission that knows what this one does, whose values do not count as computed on every path."""
        return _Emission(self.cx, self.done.copy(), self.loads.copy())

    def _next(self, e: Expr, per_lane: bool) -> tuple[Prim, Value] | None:
        """A further guarded `select` in the last arm of one, with its condition: chains of them are not recursion."""
        if not isinstance(e, Prim) or e.op != "select" or not self._guards(e):
            return None
        condition = self.value(e.args[0])
        chained = bool(condition.lanes) == per_lane and condition.text not in ("true", "false")
        return (e, condition) if chained else None

    def _by_masks(self, e: Prim, condition: Value) -> Value:
        """Each arm under its mask, then a choice between them."""
        cx, emission = self.cx, self
        arms: list[tuple[Value, Value]] = []
        with ExitStack() as masks:
            while True:
                with cx.masked(cx.both(condition), None):
                    arms.append((condition, emission._apart().value(e.args[1])))
                masks.enter_context(cx.masked(cx.both(cx.inverse(condition)), None))
                emission, last = emission._apart(), e.args[2]
                following = emission._next(last, per_lane=True)
                if following is None:
                    break
                e, condition = following
            result = emission.value(last)
        for condition, arm in reversed(arms):
            result = apply(cx, "select", e.dtype, e.dtype, (condition, arm, result))
        return result

    def _by_branches(self, e: Prim, condition: Value) -> Value:
        """Each arm in a block of its own."""
        w, lanes, emission = self.cx.w, self.cx.lanes if self._differs(e) else 0, self
        incoming: list[tuple[Value, str]] = []
        done = w.fresh("done")
        with ExitStack() as blocks:
            while True:
                then, other = w.fresh("then"), w.fresh("else")
                w.branch(condition, then, other)
                w.label(then)
                with w.conditional():
                    value = w.splat(emission._apart().value(e.args[1]), lanes)
                    incoming.append((value, w.block))
                w.jump(done)
                w.label(other)
                blocks.enter_context(w.conditional())
                emission, last = emission._apart(), e.args[2]
                following = emission._next(last, per_lane=False)
                if following is None:
                    break
                e, condition = following
            value = w.splat(emission.value(last), lanes)
            incoming.append((value, w.block))
            w.jump(done)
        w.label(done)
        return w.phi(element(e.dtype), lanes, *incoming)

    def _differs(self, root: Expr) -> bool:
        """Whether an expression may differ between the lanes."""
        stack, seen = [root], set()
        while stack and self.cx.lanes:
            e = stack.pop()
            if id(e) in seen:
                continue
            seen.add(id(e))
            if id(e) in self.done:
                if self.done[id(e)].lanes:
                    return True
                continue
            dims: tuple[Dim, ...] = ()
            match e:
                case Prim(args=args):
                    stack.extend(args)
                case At(index=i):
                    dims = (i,)
                case Load(index=index):
                    dims = index
                case Name(name=n):
                    dims = (Index.symbol(n),)
            if self.cx.varies(*(resolve(self.cx, d) for d in dims)):
                return True
        return False
