"""Initialisers: callables that make the initial value of a variable from its shape and dtype."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from . import dtypes
from .array import eye, ones, zeros
from .basics import constant
from .graph import Tensor
from .random import random_normal, random_uniform, truncated_normal

TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a normal distribution of variance 1 cut off at two standard deviations."""


class Initializer:
    """A function of shape and dtype; `dtype` given at construction is the default."""

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, shape: Sequence[int], dtype: Any = None, partition_info: Any = None) -> Tensor:
        """The initial value of a variable of that shape."""
        return self.value([int(d) for d in shape], self.dtype if dtype is None else dtypes.as_dtype(dtype))

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        raise NotImplementedError


class Zeros(Initializer):
    """Zeros."""

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return zeros(shape, dtype)


class Ones(Initializer):
    """Ones."""

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return ones(shape, dtype)


class Constant(Initializer):
    """A number, or numbers in row-major order of which the last is repeated."""

    def __init__(self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False) -> None:
        super().__init__(dtype)
        self.given = value
        self.verify_shape = verify_shape

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return constant(self.given, dtype, shape, verify_shape=self.verify_shape)


class RandomUniform(Initializer):
    """Uniform numbers from `minval` up to `maxval` (1 for floats)."""

    def __init__(
        self, minval: Any = 0, maxval: Any = None, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        super().__init__(dtype)
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return random_uniform(shape, self.minval, self.maxval, dtype, self.seed)


class RandomNormal(Initializer):
    """Normal numbers."""

    def __init__(
        self, mean: float = 0.0, stddev: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        super().__init__(dtype)
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return random_normal(shape, self.mean, self.stddev, dtype, self.seed)


class TruncatedNormal(RandomNormal):
    """Normal numbers no further than two standard deviations from the mean."""

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        return truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class Identity(Initializer):
    """The identity matrix times `gain`."""

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        super().__init__(dtype)
        self.gain = gain

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        if len(shape) != 2:
            raise ValueError("Identity matrix initializer can only be used for 2D matrices.")
        matrix = eye(shape[0], shape[1], dtype=dtype)
        return matrix if self.gain == 1 else matrix * self.gain


def fans(shape: Sequence[int]) -> tuple[float, float]:
    """Numbers of inputs and outputs of a unit whose weights have a shape (the last two axes; others are its field)."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = float(math.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


MODES: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda inputs, outputs: inputs,
    "fan_out": lambda inputs, outputs: outputs,
    "fan_avg": lambda inputs, outputs: (inputs + outputs) / 2,
}
"""What a variance is divided by, from the numbers of inputs and outputs."""


class VarianceScaling(Initializer):
    """Random numbers of variance `scale / n`, n the number of inputs, of outputs, or their mean (`mode`)."""

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(dtype)
        kind = "truncated_normal" if distribution == "normal" else distribution.lower()
        if scale <= 0:
            raise ValueError("`scale` must be positive float.")
        if mode not in MODES:
            raise ValueError(f"Invalid `mode` argument: {mode}")
        if kind not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(f"Invalid `distribution` argument: {distribution}")
        self.scale, self.mode, self.distribution, self.seed = scale, mode, kind, seed

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        variance = self.scale / max(1.0, MODES[self.mode](*fans(shape)))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random_uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random_normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        return truncated_normal(shape, 0.0, math.sqrt(variance) / TRUNCATED_STDDEV, dtype, self.seed)


class GlorotUniform(VarianceScaling):
    """Uniform numbers of variance 2 / (inputs + outputs) (Glorot and Bengio, 2010)."""

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


class GlorotNormal(VarianceScaling):
    """Truncated normal numbers of variance 2 / (inputs + outputs) (Glorot and Bengio, 2010)."""

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


def _scaled(scale: float, distribution: str) -> Any:
    return lambda seed=None: VarianceScaling(scale, "fan_in", distribution, seed)


he_normal, he_uniform = _scaled(2.0, "truncated_normal"), _scaled(2.0, "uniform")
lecun_normal, lecun_uniform = _scaled(1.0, "truncated_normal"), _scaled(1.0, "uniform")


def xavier_initializer(uniform: bool = True, seed: int | None = None, dtype: Any = dtypes.float32) -> Initializer:
    """`tf.contrib.layers.xavier_initializer`; its normal form is cut off without correcting the variance for it."""
    return ContribVarianceScaling(1.0, "FAN_AVG", uniform, seed, dtype)


class ContribVarianceScaling(Initializer):
    """`tf.contrib.layers.variance_scaling_initializer`."""

    def __init__(
        self,
        factor: float = 2.0,
        mode: str = "FAN_IN",
        uniform: bool = False,
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        super().__init__(dtype)
        if mode.lower() not in MODES:
            raise TypeError(f"Unknown mode {mode} [FAN_IN, FAN_OUT, FAN_AVG]")
        self.factor, self.mode, self.uniform, self.seed = factor, mode.lower(), uniform, seed

    def value(self, shape: list[int], dtype: dtypes.DType) -> Tensor:
        n = MODES[self.mode](*fans(shape))
        if self.uniform:
            limit = math.sqrt(3.0 * self.factor / n)
            return random_uniform(shape, -limit, limit, dtype, self.seed)
        return truncated_normal(shape, 0.0, math.sqrt(1.3 * self.factor / n), dtype, self.seed)
