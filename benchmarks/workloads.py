"""The table of what is measured: one entry a row."""

from __future__ import annotations

import fnmatch
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import aims, models
from .aims import Aim
from .workload import Spec, Training, Workload, below, normal, one_hot, small, uniform

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


def _rows(length: int, rows: int) -> Iterator[Workload]:
    """Functions along the rows of a matrix."""
    for name, function, weights, more in (
        ("softmax", lambda ops, _, x: ops.softmax(x), 0, {}),
        ("log_softmax", lambda ops, _, x: ops.log_softmax(x), 0, {}),
        ("logsumexp", lambda ops, _, x: ops.logsumexp(x), 0, {}),
        ("layer_norm", lambda ops, w, x: ops.layer_norm(x, *w), 2, {}),
        ("rms_norm", lambda ops, w, x: ops.rms_norm(x, *w), 1, {}),
        ("argmax", lambda ops, _, x: ops.argmax(x), 0, {"result": "int64", "tolerance": 0.0}),
    ):
        yield Workload(
            f"{name} {_shape(rows, length)}",
            "rows",
            (Spec((rows, length)),),
            function,
            (Spec((length,)),) * weights,
            aims=aims.ROWS,
            quick=name in {"softmax", "layer_norm", "argmax"},
            **more,
        )


def _reductions() -> Iterator[Workload]:
    """Over each axis, over several, over all."""
    square, cube = (2048, 2048), (64, 256, 256)
    for name, shape, axis in (
        ("sum of axis 0", square, 0),
        ("sum of axis 1", square, 1),
        ("sum of all", square, (0, 1)),
        ("sum of axis 1", cube, 1),
        ("mean of axes 0 and 1", cube, (0, 1)),
        ("max of axis 0", square, 0),
        ("max of axis 1", square, 1),
    ):
        what = name.split()[0]
        yield Workload(
            f"{name}, {_shape(*shape)}",
            "reduction",
            (Spec(shape),),
            _reduction(what, axis),
            # The sum of all is small beside its parts: libraries that add in order lose as much.
            tolerance=1e-3 if name == "sum of all" else 2e-5,
            aims=aims.ROWS,
            single=True,
            quick=name in {"sum of axis 0", "max of axis 1"},
        )


def _reduction(what: str, axis: Any) -> Callable[..., Any]:
    return lambda ops, _, x: getattr(ops, what)(x, axis)


def _moved(name: str, inputs: tuple[Spec, ...], function: Callable[..., Any], **more: Any) -> Workload:
    """Data that changes its place only."""
    return Workload(name, "data", inputs, function, tolerance=0.0, single=True, **more)


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


def _cnn_flop(batch: int) -> tuple[int, int]:
    """Of both convolutions and the dense layers; of the first convolution."""
    height, width, channels = models.CNN_IMAGE
    each = []
    for features in models.CNN_FEATURES:
        each.append(2 * batch * height * width * 9 * channels * features)
        height, width, channels = height // 2, width // 2, features
    dense = _dense_flop(batch, (math.prod(models.CNN_FLAT), models.CNN_HIDDEN, models.CLASSES))
    return sum(each) + dense, each[0]


def _step_flop(forward: int, first: int) -> int:
    """Each product forward, and one for either gradient; the first layer's input needs none."""
    return 3 * forward - first


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
        flop=_cnn_flop(batch)[0],
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
    "softmax regression",
    REGRESSION[:1],
    _dense_weights(REGRESSION),
    _DENSE,
    _step_flop(_dense_flop(100, REGRESSION), _dense_flop(100, REGRESSION)),
    aims.REGRESSION_STEP,
)
_MLP_STEP = _training(
    "MLP",
    MLP[:1],
    _dense_weights(MLP),
    _GENTLE,
    _step_flop(_dense_flop(100, MLP), _dense_flop(100, MLP[:2])),
    aims.MLP_STEP,
)
_CNN_STEP = _training("CNN", models.CNN_IMAGE, _cnn_weights(), _CNN, _step_flop(*_cnn_flop(100)), aims.CNN)
CALL = Workload(
    "call: x + 1 of 4 numbers",
    "call",
    (Spec((4,)),),
    lambda ops, _, x: x + 1.0,
    aims=aims.CALL,
    quick=True,
)
_M4 = (1 << 22,)
_M1 = (1 << 20,)


def _products() -> Iterator[Workload]:
    """Square, of other forms, skinny, batched, transposed."""
    for n in (8, 32, 64, 128, 256, 512, 1024, 2048, 4096):
        yield _matmul(n, n, n, quick=n in {64, 512})
    for n in (64, 512, 1024):
        yield _matmul(n, n, n, dtype="float64", quick=n == 512)
    for m, k, n in ((4096, 256, 64), (64, 256, 4096), (256, 512, 1000), (37, 1111, 257), (64, 16384, 64)):
        yield _matmul(m, k, n, quick=m == 256)
    yield _matmul(100, 784, 10, quick=True)
    yield _matmul(1, 4096, 1000, quick=True)
    for few in (1, 3, 10, 1000):
        yield _matmul(few, 1024, 1024)
        yield _matmul(1024, 1024, few)
    yield _matmul(32, 32, 32, batch=64, quick=True)
    yield _matmul(128, 64, 128, batch=12)
    yield _matmul(512, 64, 512, batch=12)
    yield _matmul(512, 512, 512, ta=True)
    yield _matmul(512, 512, 512, tb=True)
    yield _matmul(784, 100, 10, ta=True, quick=True)
    yield _matmul(128, 64, 128, batch=12, tb=True)


def _layers() -> Iterator[Workload]:
    for m, k, n in ((100, 784, 10), (256, 512, 1000), (1024, 1024, 1024), (1, 4096, 1000), (4096, 256, 64)):
        aim = aims.CLASSIFIER if m == 100 else aims.GEMM_SOFTMAX
        yield _layer("softmax", m, k, n, aim, quick=m in {100, 256})
    for what in ("relu", "gelu"):
        for m, k, n in ((256, 512, 1000), (1024, 1024, 1024)):
            yield _layer(what, m, k, n, aims.OTHER_GEMM, quick=m == 256)


def _pointwise() -> Iterator[Workload]:
    """Chains, broadcasting, casts, and one function at a time."""
    yield _elementwise("gelu by tanh 4M", [_M4], lambda ops, _, x: ops.gelu(x), quick=True)
    yield _elementwise("12-op chain 4M", [_M4, _M4], models.chain, quick=True)
    yield _elementwise("12-op chain 16K", [(1 << 14,)] * 2, models.chain)
    shapes = [(2048, 2048), (2048,), (2048, 1)]
    yield _elementwise("rows and columns broadcast 2048x2048", shapes, models.scale_rows_and_columns, quick=True)
    for given, taken in (("float64", "float32"), ("uint8", "float32"), ("float32", "int32")):
        draw = below(256) if given == "uint8" else uniform(-1000, 1000)
        yield Workload(
            f"cast {given} to {taken} 4M",
            "elementwise",
            (Spec(_M4, given, draw),),
            lambda ops, _, x, to=taken: ops.cast(x, to),
            result=taken,
            aims=aims.ELEMENTWISE,
            elementwise=True,
            single=True,
        )
    for name in ("exp", "log", "tanh", "sin", "sigmoid", "erf"):
        yield _elementwise(
            f"{name} 1M",
            [_M1],
            lambda ops, _, x, which=name: getattr(ops, which)(x),
            draw=uniform(0.01, 100) if name == "log" else normal,
            aims=() if name == "erf" else aims.MATH,
            single=name != "sigmoid",
            quick=name in {"exp", "tanh"},
        )


def _moves() -> Iterator[Workload]:
    rows, depth, taken = 50000, 256, 4096
    yield _moved(
        f"embedding {_shape(rows, depth)}, {taken} rows",
        (Spec((taken,), "int32", below(rows)),),
        lambda ops, w, x: ops.take(w[0], x),
        weights=(Spec((rows, depth)),),
        picked=4 * taken * depth,
        quick=True,
    )
    for shape, order in (((2048, 2048), (1, 0)), ((32, 56, 56, 64), (0, 3, 1, 2)), ((8, 128, 12, 64), (0, 2, 1, 3))):
        name = f"transpose {_shape(*shape)} by {','.join(map(str, order))}"
        yield _moved(name, (Spec(shape),), lambda ops, _, x, by=order: ops.transpose(x, by), quick=len(shape) == 2)
    for shape, axis in (((1 << 20,), 0), ((4096, 512), -1), ((100000, 8), -1)):
        parts = (Spec(shape),) * 2
        yield _moved(
            f"concat of 2 {_shape(*shape)}, axis {axis}", parts, lambda ops, _, x, y, at=axis: ops.concat([x, y], at)
        )


WORKLOADS: tuple[Workload, ...] = (
    CALL,
    *_products(),
    *_layers(),
    *_pointwise(),
    *_reductions(),
    *_rows(10, 10000),
    *_rows(1000, 1000),
    *_rows(32768, 64),
    *_moves(),
    _attention(128, quick=True),
    _attention(512),
    *_inference(1),
    *_inference(32),
    *_inference(256),
    STEP,
    _MLP_STEP,
    _CNN_STEP,
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
