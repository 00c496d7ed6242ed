"""What the rewrites ask of a kernel's body: where a loop stands, who touches a buffer, names that are free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce

from tfc.ir.expr import At, Expr, Load, Name, Prim, prim
from tfc.ir.index import Dim, Index, simplify, subs, symbols_of
from tfc.ir.kernel import (
    Accumulate,
    Alloc,
    Barrier,
    Body,
    Buffer,
    For,
    If,
    Kernel,
    Let,
    Stmt,
    Store,
    declared,
    exprs_of,
    map_body,
    map_exprs,
    rename,
    subexprs,
    substitute,
    walk,
)
from tfc.ir.types import Shape

from .bounds import Facts, Span


class ScheduleError(Exception):
    """A rewrite whose precondition cannot be shown. A fault of the schedule, never of the user's program."""

    def __init__(self, rewrite: str, where: str, why: str) -> None:
        super().__init__(f"{rewrite} of {where}: {why}")


@dataclass(frozen=True)
class Place:
    """A loop, the loops around it (outermost first) and the conditions that hold there."""

    loop: For
    outer: tuple[For, ...]
    guards: tuple[Expr, ...]


@dataclass(frozen=True)
class Access:
    """One reading or writing of a buffer, with the loops and conditions between the body asked about and it."""

    buffer: str
    index: Shape
    kind: str
    """`load`, `store`, or the combiner of an accumulation."""
    loops: tuple[For, ...]
    guards: tuple[Expr, ...]

    @property
    def writes(self) -> bool:
        return self.kind != "load"

    @property
    def accumulates(self) -> bool:
        return self.kind not in ("load", "store")


def locate(k: Kernel, var: str, rewrite: str) -> Place:
    """The loop over `var`. Raises ScheduleError where there is none."""
    found = _search(k.body, var, (), ())
    if found is None:
        raise ScheduleError(rewrite, var, f"{k.name} has no such loop")
    return found


def _search(body: Body, var: str, outer: tuple[For, ...], guards: tuple[Expr, ...]) -> Place | None:
    for s in body:
        found = None
        if not isinstance(s, (For, If)) or var not in s.declared.loops:
            continue
        if isinstance(s, For):
            if s.var == var:
                return Place(s, outer, guards)
            found = _search(s.body, var, (*outer, s), guards)
        else:
            found = _search(s.then, var, outer, (*guards, s.condition)) or _search(s.orelse, var, outer, guards)
        if found is not None:
            return found
    return None


def accesses(body: Body, loops: tuple[For, ...] = (), guards: tuple[Expr, ...] = ()) -> Iterator[Access]:
    """Every access of a body in program order."""
    for s in body:
        for e in exprs_of(s):
            for x, under in e.loads:
                yield Access(x.buffer, x.index, "load", loops, (*guards, *under))
        if isinstance(s, Store):
            yield Access(s.buffer, s.index, "store", loops, guards)
        elif isinstance(s, Accumulate):
            yield Access(s.buffer, s.index, s.combiner, loops, guards)
        elif isinstance(s, For):
            yield from accesses(s.body, (*loops, s), guards)
        elif isinstance(s, If):
            yield from accesses(s.then, loops, (*guards, s.condition))
            either = _one_store(s.then) is not None and _one_store(s.then) == _one_store(s.orelse)
            yield from accesses(s.orelse, loops, guards if either else (*guards, prim("not", s.condition)))


def _one_store(body: Body) -> tuple[str, Shape] | None:
    """The element that a body of a single store writes: a condition with the same in both branches always writes it."""
    match body:
        case (Store(buffer=buffer, index=index),):
            return buffer, index
    return None


def bodies_of(body: Body) -> Iterator[Body]:
    """A sequence of statements and all sequences below it."""
    yield body
    for s in walk(body):
        if isinstance(s, For):
            yield s.body
        elif isinstance(s, If):
            yield from (s.then, s.orelse)


def perfect_nest(loop: For) -> list[For]:
    """A loop and those below it that are each the whole body of the one before."""
    chain = [loop]
    while len(chain[-1].body) == 1 and isinstance(inner := chain[-1].body[0], For):
        chain.append(inner)
    return chain


def touches(s: Stmt, buffer: str) -> bool:
    """Whether a statement reads or writes a buffer."""
    return any(a.buffer == buffer for a in accesses((s,)))


def writes(s: Stmt, buffer: str) -> bool:
    """Whether a statement writes a buffer."""
    return any(a.buffer == buffer and a.writes for a in accesses((s,)))


def allocated(body: Body) -> frozenset[str]:
    """Names of the buffers that a body allocates, at any depth."""
    return frozenset(b.name for b in declared(body).buffers)


def has_barrier(body: Body) -> bool:
    return any(isinstance(s, Barrier) for s in walk(body))


def buffer_table(k: Kernel) -> dict[str, Buffer]:
    """All buffers of a kernel by name, arguments and local ones."""
    return {b.name: b for b in (*k.buffers, *k.declared.buffers)}


def let_names(body: Body) -> frozenset[str]:
    return declared(body).lets


def names_of(k: Kernel) -> frozenset[str]:
    """Every name that a kernel gives to something."""
    return frozenset((*buffer_table(k), *k.dims, *k.declared.loops, *k.declared.lets))


def check_free(k: Kernel, rewrite: str, where: str, names: Iterable[str]) -> None:
    """Raises ScheduleError where a name that a rewrite is to give is taken, or given twice."""
    given = tuple(names)
    taken = names_of(k) & set(given)
    if taken or len(set(given)) < len(given):
        raise ScheduleError(rewrite, where, f"names must be new and differ: {', '.join(sorted(taken or given))}")


def renamed_copy(k: Kernel, body: Body, suffix: str, rewrite: str, where: str) -> Body:
    """A second copy of a body: its loops, lets and local buffers get the suffix, so that names stay unique."""
    inner = [s.var for s in walk(body) if isinstance(s, For)]
    lets = let_names(body)
    local = allocated(body)
    check_free(k, rewrite, where, [n + suffix for n in (*inner, *lets, *local)])
    symbols = {n: n + suffix for n in (*inner, *lets)}

    def statement(s: Stmt) -> Stmt:
        if isinstance(s, For):
            return replace(s, var=symbols[s.var])
        return replace(s, name=symbols[s.name]) if isinstance(s, Let) else s

    def expr(e: Expr) -> Expr:
        return replace(e, name=symbols.get(e.name, e.name)) if isinstance(e, Name) else e

    body = substitute(body, {old: Index.symbol(new) for old, new in symbols.items()})
    return rename(map_body(body, statement, expr), {n: n + suffix for n in local})


def rename_var(body: Body, old: str, new: str) -> Body:
    """A body with one loop variable of an enclosing loop renamed."""
    return substitute(body, {old: Index.symbol(new)})


def replace_loop(k: Kernel, var: str, new: Callable[[For], Body]) -> Kernel:
    """The kernel with the loop over `var` replaced by statements."""
    return replace(k, body=_with_loop_replaced(k.body, var, new))


def _with_loop_replaced(body: Body, var: str, new: Callable[[For], Body]) -> Body:
    out: list[Stmt] = []
    for s in body:
        if not isinstance(s, (For, If)) or var not in s.declared.loops:
            out.append(s)
        elif isinstance(s, If):
            then, orelse = _with_loop_replaced(s.then, var, new), _with_loop_replaced(s.orelse, var, new)
            out.append(replace(s, then=then, orelse=orelse))
        elif s.var == var:
            out += new(s)
        else:
            out.append(s.around(_with_loop_replaced(s.body, var, new)))
    return tuple(out)


def map_bodies(body: Body, f: Callable[[Body], Body]) -> Body:
    """`f` on every sequence of statements, inside out."""

    def inside(s: Stmt) -> Stmt:
        if isinstance(s, For):
            new = map_bodies(s.body, f)
            return s if new is s.body else s.around(new)
        if isinstance(s, If):
            then, orelse = map_bodies(s.then, f), map_bodies(s.orelse, f)
            return s if then is s.then and orelse is s.orelse else replace(s, then=then, orelse=orelse)
        return s

    inner = tuple([inside(s) for s in body])
    return f(body if all(a is b for a, b in zip(inner, body, strict=True)) else inner)


def drop_alloc(body: Body, name: str) -> Body:
    """A body without the allocation of a buffer."""

    def keep(statements: Body) -> Body:
        kept = tuple([s for s in statements if not (isinstance(s, Alloc) and s.buffer.name == name)])
        return statements if len(kept) == len(statements) else kept

    return map_bodies(body, keep)


def map_accesses(body: Body, buffer: str, to: Callable[[Shape], tuple[str, Shape]]) -> Body:
    """A body in which each access of a buffer goes to the buffer and the index that `to` gives for its index."""

    def statement(s: Stmt) -> Stmt:
        if any(x.buffer == buffer for e in exprs_of(s) for x, _ in e.loads):
            s = map_exprs(s, expr)
        if isinstance(s, (Store, Accumulate)) and s.buffer == buffer:
            name, index = to(s.index)
            return replace(s, buffer=name, index=index)
        return s

    def expr(e: Expr) -> Expr:
        if isinstance(e, Load) and e.buffer == buffer:
            name, index = to(e.index)
            return replace(e, buffer=name, index=index)
        return e

    return map_body(body, statement)


def nested(loops: Iterable[For], body: Body) -> Body:
    """Loops around a body, the first outermost."""
    for loop in reversed(tuple(loops)):
        body = (loop.around(body),)
    return body


def less(a: Dim, b: Dim) -> Expr:
    """The condition `a < b` of two indices."""
    return prim("lt", At(a), At(b))


def guarded(conditions: Iterable[Expr], body: Body, orelse: Body = ()) -> Body:
    """A body under all the conditions; `orelse` where one fails."""
    conditions = tuple(conditions)
    if orelse and conditions:
        return (If(reduce(lambda a, b: prim("and", a, b), conditions), body, orelse),)
    for condition in reversed(conditions):
        body = (If(condition, body),)
    return body


def spans_of(loops: Iterable[For]) -> tuple[Span, ...]:
    return tuple(Span(loop.var, 0, loop.extent - 1) for loop in loops)


def facts_at(k: Kernel, loops: Iterable[For], guards: Iterable[Expr] = ()) -> Facts:
    """What holds inside loops and under conditions: each variable's span, that the loops run at all, the conditions."""
    loops = tuple(loops)
    holds = tuple(loop.extent - 1 for loop in loops if not isinstance(loop.extent, int))
    conditions = tuple(fact for g in guards for fact in condition_facts(g))
    return Facts(spans_of(loops), (*conditions, *holds), k.declared.lets)


def condition_facts(e: Expr) -> tuple[Dim, ...]:
    """Indices that are at least 0 where the condition holds."""
    match e:
        case Prim(op="and"):
            return tuple(fact for c in conjuncts(e) for fact in condition_facts(c))
        case Prim(op="lt" | "le" | "gt" | "ge" as op, args=(At(index=a), At(index=b))):
            small, large = (a, b) if op in ("lt", "le") else (b, a)
            return (large - small - (1 if op in ("lt", "gt") else 0),)
        case Prim(op="eq", args=(At(index=a), At(index=b))):
            return (a - b, b - a)
    return ()


def has_loads(e: Expr) -> bool:
    return bool(e.loads)


def expr_symbols(e: Expr) -> frozenset[str]:
    """Symbols of the indices in an expression, and names of values."""
    found = frozenset[str]()
    for x in subexprs(e):
        if isinstance(x, Load):
            found |= symbols_of(*x.index)
        elif isinstance(x, At):
            found |= symbols_of(x.index)
        elif isinstance(x, Name):
            found |= {x.name}
    return found


def body_symbols(body: Body) -> frozenset[str]:
    """Symbols of all indices, extents and shapes in a body, and names of values."""
    found = frozenset[str]()
    for s in walk(body):
        for e in exprs_of(s):
            found |= expr_symbols(e)
        if isinstance(s, (Store, Accumulate)):
            found |= symbols_of(*s.index)
        elif isinstance(s, For):
            found |= symbols_of(s.extent)
        elif isinstance(s, Alloc):
            found |= symbols_of(*s.buffer.shape)
    return found


def conjuncts(e: Expr) -> tuple[Expr, ...]:
    """The conditions that all hold where a condition holds."""
    return tuple(c for a in e.args for c in conjuncts(a)) if isinstance(e, Prim) and e.op == "and" else (e,)


def is_index_condition(e: Expr) -> bool:
    """Whether `condition_facts` say all that a condition says."""
    return all(condition_facts(c) for c in conjuncts(e))


def subs_expr(e: Expr, values: Mapping[str, Dim]) -> Expr:
    """One node of an expression with symbols of its index replaced."""
    if isinstance(e, At):
        return At(subs(e.index, values))
    return replace(e, index=tuple(subs(i, values) for i in e.index)) if isinstance(e, Load) else e


def tidy(index: Shape, facts: Facts) -> Shape:
    """An index with the quotients and rests resolved that the spans decide."""
    return tuple(simplify(i, facts.ranges) for i in index)
