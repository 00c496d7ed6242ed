"""The table of what is measured: one entry a row."""

from __future__ import annotations

import fnmatch
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import aims, models
from .aims import Aim
from .workload import Spec, Training, Workload, normal, one_hot, small, uniform

_FLOAT64 = 1e-13


def _shape(*dims: int) -> str:
    return "x".join(map(str, dims))


def _matmul(
    m: int, k: int, n: int, batch: int = 0, dtype: str = "float32", ta: bool = False, tb: bool = False, **more: Any
) -> Workload:
    """A product of two inputs, named by M, K and N."""
    lead = (batch,) if batch else ()
    a = Spec((*lead, k, m) if ta else (*lead, m, k), dtype)
    b = Spec((*lead, n, k) if tb else (*lead, k, n), dtype)
    name = f"matmul {f'{batch} of ' if batch else ''}{_shape(m, k, n)}{' a.T' if ta else ''}{' b.T' if tb else ''}"
    cube = m == k == n >= 512 and not (ta or tb or batch)
    return Workload(
        f"{name} {dtype}",
        "matmul",
        (a, b),
        lambda ops, _, x, y: ops.matmul(x, y, ta, tb),
        flop=2 * max(1, batch) * m * k * n,
        dtype=dtype,
        result=dtype,
        tolerance=_FLOAT64 if dtype == "float64" else 2e-5,
        aims=aims.GEMM if cube and dtype == "float32" else aims.OTHER_GEMM,
        single=True,
        **more,
    )


def _layer(what: str, m: int, k: int, n: int, aim: tuple[Aim, ...], quick: bool = False) -> Workload:
    """Input times weights plus bias, then a function of that."""

    def function(ops: Any, weights: Any, x: Any) -> Any:
        return getattr(ops, what)(ops.matmul(x, weights[0]) + weights[1])

    weights = (Spec((k, n), draw=small), Spec((n,), draw=small))
    name = f"matmul+bias+{what} {_shape(m, k, n)}"
    return Workload(
        name, "layer", (Spec((m, k)),), function, weights, flop=2 * m * k * n, aims=aim, quick=quick, tolerance=5e-5
    )


def _elementwise(
    name: str, shapes: Sequence[tuple[int, ...]], function: Callable[..., Any], *, draw: Any = normal, **more: Any
) -> Workload:
    inputs = tuple(Spec(shape, draw=draw) for shape in shapes)
    return Workload(name, "elementwise", inputs, function, **{"aims": aims.ELEMENTWISE, "elementwise": True, **more})


def _rows(what: str, rows: int, length: int, function: Callable[..., Any], weights: int = 0, **more: Any) -> Workload:
    """A function along the rows of a matrix."""
    return Workload(
        f"{what} {_shape(rows, length)}",
        "rows",
        (Spec((rows, length)),),
        function,
        (Spec((length,)),) * weights,
        aims=aims.ROWS_IN_CACHE if rows * length <= 1 << 20 else aims.ROWS,
        **more,
    )


def _reduction(what: str, function: Callable[..., Any], shape: tuple[int, ...], **more: Any) -> Workload:
    name = f"{what} {_shape(*shape)}"
    return Workload(name, "reduction", (Spec(shape),), function, aims=aims.ROWS, single=True, **more)


def _moved(name: str, inputs: tuple[Spec, ...], function: Callable[..., Any], **more: Any) -> Workload:
    """Data that changes its place only."""
    return Workload(name, "data", inputs, function, tolerance=0.0, single=True, aims=(Aim(aims.BEST, 1.0),), **more)


def _attention(length: int, quick: bool = False) -> Workload:
    b, h, d = 1, 12, 64
    return Workload(
        f"attention {_shape(b, h, length, d)}",
        "attention",
        (Spec((b, h, length, d)),) * 3,
        lambda ops, _, q, k, v: ops.attention(q, k, v),
        flop=4 * b * h * length * length * d,
        aims=aims.ATTENTION,
        quick=quick,
    )


REGRESSION = (784, 10)
MLP = (784, 512, 512, 10)


def _dense_weights(sizes: Sequence[int]) -> tuple[Spec, ...]:
    pairs = itertools.pairwise(sizes)
    return tuple(spec for k, n in pairs for spec in (Spec((k, n), draw=small), Spec((n,), draw=small)))


def _dense_flop(batch: int, sizes: Sequence[int]) -> int:
    return sum(2 * batch * k * n for k, n in itertools.pairwise(sizes))


def _cnn_weights() -> tuple[Spec, ...]:
    channels = (models.CNN_IMAGE[2], *models.CNN_FEATURES)
    out = []
    for c, f in itertools.pairwise(channels):
        out += [Spec((3, 3, c, f), draw=small, role="filter"), Spec((f,), draw=small)]
    first, *rest = _dense_weights((math.prod(models.CNN_FLAT), models.CNN_HIDDEN, models.CLASSES))
    return (*out, Spec(first.shape, draw=small, role="flat", image=models.CNN_FLAT), *rest)


def _cnn_flop(batch: int) -> int:
    """Of both convolutions and the dense layers."""
    height, width, channels = models.CNN_IMAGE
    flop = 0
    for features in models.CNN_FEATURES:
        flop += 2 * batch * height * width * 9 * channels * features
        height, width, channels = height // 2, width // 2, features
    return flop + _dense_flop(batch, (math.prod(models.CNN_FLAT), models.CNN_HIDDEN, models.CLASSES))


def _inference(batch: int) -> Iterator[Workload]:
    for name, sizes in (("softmax regression", REGRESSION), ("MLP", MLP)):
        yield Workload(
            f"{name} inference, batch {batch}",
            "model",
            (Spec((batch, sizes[0]), draw=uniform(-1, 1), batched=True),),
            models.classify,
            _dense_weights(sizes),
            flop=_dense_flop(batch, sizes),
            aims=aims.CLASSIFIER_AT_ONE if batch == 1 and sizes is REGRESSION else aims.GEMM_SOFTMAX,
            tolerance=5e-5,
            quick=batch != 256,
        )
    yield Workload(
        f"CNN inference, batch {batch}",
        "model",
        (Spec((batch, *models.CNN_IMAGE), draw=uniform(-1, 1), batched=True),),
        models.cnn_classify,
        _cnn_weights(),
        flop=_cnn_flop(batch),
        aims=aims.CNN,
        tolerance=5e-5,
        quick=batch != 256,
    )


def _training(
    name: str, image: tuple[int, ...], weights: tuple[Spec, ...], training: Training, flop: int, aim: tuple[Aim, ...]
) -> Workload:
    """A step at batch 100; its products are made once forward, and once or twice backward."""
    batch = 100
    inputs = (
        Spec((batch, *image), draw=uniform(-1, 1), batched=True),
        Spec((batch, models.CLASSES), draw=one_hot, batched=True),
    )
    return Workload(
        f"{name} training step, batch {batch}",
        "training",
        inputs,
        weights=weights,
        training=training,
        flop=flop,
        aims=aim,
        tolerance=1e-4,
        quick=True,
    )


_DENSE = Training(models.dense_loss, models.dense_update, 0.5)
_GENTLE = Training(models.dense_loss, models.dense_update, 0.05)
_CNN = Training(models.cnn_loss, models.cnn_update, 0.05)
STEP = _training(
    "softmax regression", REGRESSION[:1], _dense_weights(REGRESSION), _DENSE, 2 * _dense_flop(100, REGRESSION),
    aims.REGRESSION_STEP,
)  # fmt: skip
CALL = Workload(
    "call: x + 1 of 4 numbers",
    "call",
    (Spec((4,)),),
    lambda ops, _, x: x + 1.0,
    aims=(Aim(aims.BEST, 1.0),),
    quick=True,
)

WORKLOADS: tuple[Workload, ...] = (
    CALL,
    _matmul(512, 512, 512, quick=True),
    _layer("softmax", 100, 784, 10, aims.CLASSIFIER, quick=True),
    _rows("softmax", 10000, 10, lambda ops, _, x: ops.softmax(x), quick=True),
    _rows("softmax", 1000, 1000, lambda ops, _, x: ops.softmax(x), quick=True),
    _elementwise("12-op chain 4M", [(1 << 22,), (1 << 22,)], models.chain, quick=True),
    STEP,
)
"""In the order of the report."""


def matching(patterns: Sequence[str], workloads: Sequence[Workload] = WORKLOADS) -> list[Workload]:
    """Those whose "group: name" contains one of the patterns, in which * stands for anything; all for none."""
    return [w for w in workloads if not patterns or any(_matches(f"{w.group}: {w.name}", p) for p in patterns)]


def _matches(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text.lower(), f"*{pattern.lower()}*")


def named(name: str) -> Workload:
    """The row of this name. Raises LookupError."""
    found = next((w for w in WORKLOADS if w.name == name), None)
    if found is None:
        raise LookupError(f"no workload {name!r}")
    return found
