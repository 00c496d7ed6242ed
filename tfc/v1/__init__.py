"""TensorFlow 1's API on tfc: `import tfc.v1 as tf`.

What TensorFlow has and tfc has not raises AttributeError with the name.
"""
# ruff: noqa: F401, N813 (TF's names, handed on)

from __future__ import annotations

import sys as _sys

from tfc.frontend.v1.array import (
    broadcast_to,
    concat,
    expand_dims,
    eye,
    fill,
    gather,
    linspace,
    matrix_transpose,
    one_hot,
    ones,
    ones_like,
    pad,
    range,
    rank,
    reshape,
    reverse,
    shape,
    size,
    slice,
    split,
    squeeze,
    stack,
    strided_slice,
    tile,
    transpose,
    unstack,
    zeros,
    zeros_like,
)
from tfc.frontend.v1.basics import (
    GraphKeys,
    add_to_collection,
    add_to_collections,
    colocate_with,
    constant,
    control_dependencies,
    convert_to_tensor,
    device,
    disable_eager_execution,
    disable_v2_behavior,
    executing_eagerly,
    get_collection,
    get_collection_ref,
    group,
    identity,
    name_scope,
    no_op,
    op_scope,
    placeholder,
    placeholder_with_default,
    set_random_seed,
    stop_gradient,
)
from tfc.frontend.v1.basics import tuple_ as tuple
from tfc.frontend.v1.dtypes import (
    DType,
    as_dtype,
    bfloat16,
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from tfc.frontend.v1.dtypes import bool_ as bool
from tfc.frontend.v1.gradients import UnconnectedGradients, gradients
from tfc.frontend.v1.graph import Graph, Operation, Tensor, get_default_graph, reset_default_graph
from tfc.frontend.v1.initializers import Constant as constant_initializer
from tfc.frontend.v1.initializers import GlorotNormal as glorot_normal_initializer
from tfc.frontend.v1.initializers import GlorotUniform as glorot_uniform_initializer
from tfc.frontend.v1.initializers import Ones as ones_initializer
from tfc.frontend.v1.initializers import RandomNormal as random_normal_initializer
from tfc.frontend.v1.initializers import RandomUniform as random_uniform_initializer
from tfc.frontend.v1.initializers import TruncatedNormal as truncated_normal_initializer
from tfc.frontend.v1.initializers import VarianceScaling as variance_scaling_initializer
from tfc.frontend.v1.initializers import Zeros as zeros_initializer
from tfc.frontend.v1.math import ELEMENTWISE as _ELEMENTWISE
from tfc.frontend.v1.math import REDUCTIONS as _REDUCTIONS
from tfc.frontend.v1.math import (
    accumulate_n,
    add_n,
    argmax,
    argmin,
    batch_matmul,
    cast,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    count_nonzero,
    div,
    divide,
    global_norm,
    matmul,
    norm,
    pow,
    reciprocal,
    round,
    tan,
    to_double,
    to_float,
    to_int32,
    to_int64,
    truediv,
    truncatediv,
    truncatemod,
    where,
)
from tfc.frontend.v1.matrices import (
    cross,
    diag,
    diag_part,
    matrix_diag,
    matrix_diag_part,
    tensordot,
    trace,
)
from tfc.frontend.v1.random import random_normal, random_uniform, truncated_normal
from tfc.frontend.v1.session import ConfigProto, GPUOptions, InteractiveSession, RunMetadata, RunOptions, Session
from tfc.frontend.v1.shapes import Dimension, TensorShape
from tfc.frontend.v1.stacks import default_session as get_default_session
from tfc.frontend.v1.variable_scope import (
    AUTO_REUSE,
    VariableScope,
    get_variable,
    get_variable_scope,
    variable_op_scope,
    variable_scope,
)
from tfc.frontend.v1.variables import (
    Variable,
    assign,
    assign_add,
    assign_sub,
    global_variables,
    global_variables_initializer,
    local_variables,
    local_variables_initializer,
    model_variables,
    tables_initializer,
    trainable_variables,
    variables_initializer,
)

from . import (
    app,
    compat,
    contrib,
    errors,
    flags,
    initializers,
    layers,
    logging,
    losses,
    math,
    nn,
    python,
    random,
    train,
)
from .missing import missing as _missing

__version__ = "1.15.0"
"""The release whose API this follows; tfc's own version is `tfc.__version__`."""
VERSION = __version__

globals().update({**_ELEMENTWISE, **_REDUCTIONS})
compat.v1 = _sys.modules[__name__]

newaxis = None

# Names of before TF 1.0, and second names.
sub, mul, neg = (_ELEMENTWISE[n] for n in ("subtract", "multiply", "negative"))
arg_max, arg_min = argmax, argmin
pack, unpack, concat_v2, select, lin_space = stack, unstack, concat, where, linspace
initialize_all_variables = global_variables_initializer
initialize_local_variables = local_variables_initializer
initialize_variables = variables_initializer
all_variables = global_variables

__getattr__ = _missing("")
