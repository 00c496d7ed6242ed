"""`tf.initializers`."""

from __future__ import annotations

from tfc.frontend.v1.initializers import Constant as constant  # noqa: N813 (TF's names)
from tfc.frontend.v1.initializers import GlorotNormal as glorot_normal  # noqa: N813
from tfc.frontend.v1.initializers import GlorotUniform as glorot_uniform  # noqa: N813
from tfc.frontend.v1.initializers import Identity as identity  # noqa: N813
from tfc.frontend.v1.initializers import Ones as ones  # noqa: N813
from tfc.frontend.v1.initializers import RandomNormal as random_normal  # noqa: N813
from tfc.frontend.v1.initializers import RandomUniform as random_uniform  # noqa: N813
from tfc.frontend.v1.initializers import TruncatedNormal as truncated_normal  # noqa: N813
from tfc.frontend.v1.initializers import VarianceScaling as variance_scaling  # noqa: N813
from tfc.frontend.v1.initializers import Zeros as zeros  # noqa: N813
from tfc.frontend.v1.initializers import he_normal, he_uniform, lecun_normal, lecun_uniform
from tfc.frontend.v1.variables import global_variables_initializer as global_variables
from tfc.frontend.v1.variables import local_variables_initializer as local_variables
from tfc.frontend.v1.variables import tables_initializer
from tfc.frontend.v1.variables import variables_initializer as variables

from .missing import missing

__getattr__ = missing("initializers")

__all__ = [
    "constant",
    "global_variables",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "local_variables",
    "ones",
    "random_normal",
    "random_uniform",
    "tables_initializer",
    "truncated_normal",
    "variables",
    "variance_scaling",
    "zeros",
]
