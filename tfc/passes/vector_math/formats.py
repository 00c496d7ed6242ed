"""The two float formats as data: layout, ranges and polynomials of the exponential.

Polynomials are minimax, their coefficients rounded one after the other with the rest fitted again; each says its
interval and its largest error with the rounded coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfc.ir import types as T
from tfc.ir.types import DType


@dataclass(frozen=True)
class Format:
    """A float format. `ln2_high` has so few bits that its product with an exponent is exact."""

    dtype: DType
    signed: DType
    unsigned: DType
    mantissa: int
    """Stored bits of the mantissa."""
    bias: int
    sqrt_half: int
    """The bits of the float above sqrt(1/2)."""
    ln2_high: float
    ln2_low: float
    exp_range: tuple[float, float]
    """Beyond these exp is 0 and infinite."""
    expm1_low: float
    """Below this expm1 is -1."""
    exp: tuple[float, ...]
    """(exp(r) - 1 - r) / r^2 for |r| <= 0.3467, by error relative to exp."""
    expm1: tuple[float, ...]
    """The same, by error relative to expm1."""

    @property
    def rounder(self) -> float:
        """Adding it rounds to an integer and leaves that integer in the low bits."""
        return 1.5 * 2.0**self.mantissa

    @property
    def least_normal(self) -> float:
        return 2.0 ** (1 - self.bias)


FLOAT32 = Format(
    *(T.float32, T.int32, T.uint32),
    mantissa=23,
    bias=127,
    sqrt_half=0x3F3504F3,
    ln2_high=0.693145752,
    ln2_low=1.42860677e-06,
    exp_range=(-104.0, 89.0),
    expm1_low=-20.0,
    # 2^-31.2
    exp=(0.5, 0.166666478, 0.0416664816, 0.00833786745, 0.00139333378, 0.000173401873),
    # 2^-31.0
    expm1=(0.5, 0.166666657, 0.0416664667, 0.0083336439, 0.00139350584, 0.00019663597),
)

FLOAT64 = Format(
    *(T.float64, T.int64, T.uint64),
    mantissa=52,
    bias=1023,
    sqrt_half=0x3FE6A09E667F3BCD,
    ln2_high=0.6931471803691238,
    ln2_low=1.9082149292705877e-10,
    exp_range=(-746.0, 710.0),
    expm1_low=-40.0,
    # 2^-55.8
    exp=(
        *(0.500000000000001, 0.1666666666666545, 0.04166666666652995, 0.008333333333719729, 0.0013888888946537179),
        *(0.00019841269661665298, 2.4801487315736916e-05, 2.7556996212402286e-06, 2.763312846555591e-07),
        2.5302169594849982e-08,
    ),
    # 2^-55.0
    expm1=(
        *(0.5000000000000001, 0.1666666666666667, 0.041666666666648415, 0.008333333333328639, 0.0013888888897407537),
        *(0.00019841269854226274, 2.4801570662015315e-05, 2.7557295322734613e-06, 2.75718729896618e-07),
        *(2.5084831014489225e-08, 1.6219413617158848e-09),
    ),
)
FORMATS = (FLOAT32, FLOAT64)
LOG2_E = 1.4426950408889634
