"""Two forms of one kernel as one, which takes the form that suits the dims of the run."""

from __future__ import annotations

from dataclasses import replace

from tfc.ir.expr import Expr
from tfc.ir.kernel import If, Kernel

from .nest import ScheduleError, expr_symbols, is_index_condition, renamed_copy


def either(condition: Expr, yes: Kernel, no: Kernel, *, suffix: str) -> Kernel:
    """The form `yes` where a condition on run-time dims holds, else the form `no`.

        kernel f(..) dims(m) { S }  and  kernel f(..) dims(m) { T }
        -> kernel f(..) dims(m) { if m < 9 { S } else { T } }

    Both are the same algorithm, scheduled in different ways; so the condition decides only which is faster. Every name
    that `yes` gives ends in the suffix.
    """
    if (yes.name, yes.buffers, yes.dims) != (no.name, no.buffers, no.dims):
        raise ScheduleError("either", no.name, "the forms are not of one kernel with the same arguments")
    if not is_index_condition(condition) or not expr_symbols(condition) <= set(no.dims):
        raise ScheduleError("either", no.name, "the condition is not one on run-time dims")
    then = renamed_copy(no, yes.body, suffix, "either", no.name)
    return replace(no, body=(If(condition, then, no.body),))
