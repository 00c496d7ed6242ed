"""TensorFlow 1's API on tfc: `import tfc.v1 as tf`.

What TensorFlow has and tfc has not raises AttributeError with the name.
"""

from __future__ import annotations

from tfc.frontend.v1 import math as _math
from tfc.frontend.v1.basics import (
    GraphKeys,
    add_to_collection,
    add_to_collections,
    colocate_with,
    constant,
    control_dependencies,
    convert_to_tensor,
    device,
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
from tfc.frontend.v1.graph import Graph, Operation, Tensor, get_default_graph, reset_default_graph
from tfc.frontend.v1.random import random_normal, random_uniform, truncated_normal
from tfc.frontend.v1.session import ConfigProto, InteractiveSession, Session
from tfc.frontend.v1.shapes import Dimension, TensorShape
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
