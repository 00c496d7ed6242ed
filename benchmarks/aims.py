"""What is to be reached, as data: a figure of tfc over a figure of others, at most so much."""

from __future__ import annotations

from dataclasses import dataclass

BEST = "best peer"
FLOP, BYTES = "limit: flop", "limit: bytes"


@dataclass(frozen=True)
class Aim:
    """tfc's figure is at most `ratio` times that of `of`: the best peer, a bound, a contestant, or so many seconds.

    `narrow` stands for `ratio` where vectors have 256 bits or less. `figure` is a field of the results.
    """

    of: str | float
    ratio: float = 1.0
    narrow: float | None = None
    figure: str = "median"

    def at_most(self, vector_bytes: int) -> float:
        return self.narrow if self.narrow is not None and vector_bytes <= 32 else self.ratio

    def text(self, vector_bytes: int) -> str:
        what = "" if self.figure == "median" else f"{self.figure} time "
        if isinstance(self.of, float):
            return f"{what}≤ {self.of * 1e6:g} µs"
        return f"{what}≤ {self.at_most(vector_bytes):.3g} × {self.of}"


CALL = (Aim(5e-6),)
GEMM = (Aim(FLOP, 1 / 0.85, narrow=1 / 0.92), Aim(BEST, 0.95))
OTHER_GEMM = (Aim(BEST, 1.0),)
GEMM_SOFTMAX = (Aim(BEST, 0.8),)
CLASSIFIER = (Aim(BEST, 0.45),)
ELEMENTWISE = (Aim(BYTES, 1.15), Aim(BEST, 0.8))
MATH = (Aim("numpy", 1.0),)
ROWS = (Aim(BYTES, 1.2), Aim(BEST, 0.8))
ATTENTION = (Aim(BEST, 0.8),)
REGRESSION_STEP = (
    Aim("numpy", 0.4),
    Aim("tensorflow.Session", 0.1),
    Aim("jax", 0.1),
    Aim("jax", 0.25, figure="compile"),
)
CLASSIFIER_AT_ONE = (Aim("onnxruntime", 0.8),)
MLP_STEP = (Aim(BEST, 0.8),)
CNN = (Aim(BEST, 0.9),)
