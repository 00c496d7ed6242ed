"""Attention kept whole, so that the probabilities of a row need not be in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..expr import Expr, cast
from ..op import REGISTRY, Op, Shapes, declare
from ..types import DType, TensorType, bfloat16, float16, float32
from .common import FLOAT, need
from .linalg import matmul
from .math import add
from .nn import softmax

if TYPE_CHECKING:
    from ..graph import Node, Value

Step = tuple[Any, ...]
"""An elementwise op's name and where its operands come from: -1 for the scores, else the number of an operand."""
SCORES = -1
FIRST = 3
"""The number of the first operand that only steps take."""


def sums_of(of: DType) -> DType:
    """The dtype in which scores, probabilities and their sums are held."""
    return float32 if of in (float16, bfloat16) else of


def _attention_type(shapes: Shapes, *types: TensorType, transpose_k: bool, steps: Sequence[Step]) -> TensorType:
    q, k, v = types[:FIRST]
    found = need((q, k, v), FLOAT)
    for t in (q, k, v):
        if t.shape is not None and len(t.shape) < 2:
            raise ShapeError(f"matrices have rank 2 or more, got {t}")
    scores = matmul.infer(shapes, q, k, transpose_a=False, transpose_b=transpose_k)
    assert isinstance(scores, TensorType)
    plain = scores.shape
    for name, *places in steps:
        operands = [scores if p == SCORES else types[p] for p in places]
        stepped = REGISTRY[name].infer(shapes, *operands)
        assert isinstance(stepped, TensorType)
        scores = stepped
    if scores.shape is None or plain is None or v.shape is None:
        return TensorType(found, None)
    for a, b in zip(scores.shape[-2:], plain[-2:], strict=True):
        shapes.same(a, b, "scores before and after the steps")
    shapes.same(plain[-1], v.shape[-2], "keys and values")
    batch = shapes.broadcast(scores.shape[:-2], v.shape[:-2])
    return TensorType(found, (*(batch or ()), plain[-2], v.shape[-1]))


def _attention_ref(*arrays: Any, transpose_k: bool, steps: Sequence[Step]) -> Any:
    q, k, v, *others = (x.astype(_wide(x)) for x in arrays)
    scores = matmul.ref(q, k, False, transpose_k) if matmul.ref else None
    for name, *places in steps:
        ref = REGISTRY[name].ref
        assert ref is not None
        scores = ref(*(scores if p == SCORES else others[p - FIRST] for p in places))
    assert softmax.ref is not None
    return np.matmul(softmax.ref(scores, -1), v).astype(arrays[0].dtype)


def _wide(x: Any) -> Any:
    return np.float32 if x.dtype.kind not in "biu" and x.dtype.itemsize == 2 else x.dtype


def stepped(step: Step, scores: Expr, operand: Any) -> Expr:
    """The element of the scores after a step: `operand(k)` is that of an operand."""
    name, *places = step
    scalar = REGISTRY[name].scalar
    assert scalar is not None
    args = [scores if p == SCORES else operand(p) for p in places]
    return scalar(*(cast(a, scores.dtype) if a.dtype.is_float else a for a in args))


def _chain(n: Node) -> Iterator[tuple[Node, Sequence[int]]]:
    """The nodes that attention stands for, in order, each with where its operands come from."""
    q, k, *_ = n.operands
    node = matmul.node(q, k, transpose_a=False, transpose_b=n.attrs["transpose_k"])
    yield node, (0, 1)
    for name, *places in n.attrs["steps"]:
        node = REGISTRY[name].node(*(node.results[0] if p == SCORES else n.operands[p] for p in places))
        yield node, places
    node = softmax.node(node.results[0], axis=-1)
    yield node, (SCORES,)
    yield matmul.node(node.results[0], n.operands[2], transpose_a=False, transpose_b=False), (SCORES, 2)


def _grad_attention(n: Node, dy: Value) -> list[Value | None]:
    """Through the ops that it stands for: the probabilities are computed again."""
    found: list[Value | None] = [None] * len(n.operands)
    flows: Value | None = dy
    for node, places in reversed(list(_chain(n))):
        if flows is None or node.op.grad is None:
            break
        slopes, flows = node.op.grad(node, flows), None
        for p, slope in zip(places, slopes, strict=True):
            if slope is None:
                continue
            old = flows if p == SCORES else found[p]
            total = slope if old is None else add(old, slope)
            if p == SCORES:
                flows = total
            else:
                found[p] = total
    return found


attention: Op = declare(
    "attention",
    _attention_type,
    ref=_attention_ref,
    grad=_grad_attention,
    template="attention",
    attrs=("transpose_k", "steps"),
)
"""`softmax(steps(q k)) v` over the last axis of the scores: `[…, m, d] [… , d, n] [… , n, e] -> [… , m, e]`.

`transpose_k` says that k is `[… , n, d]`. The steps are elementwise ops that the scores pass through: `("mul", -1, 3)`
multiplies them by the fourth operand. Scores and sums of 16-bit floats are in float32.
"""
