"""`tf.nn`."""

from __future__ import annotations

from tfc.frontend.v1.math import ELEMENTWISE as _ELEMENTWISE
from tfc.frontend.v1.nn import (
    ACTIVATIONS as _ACTIVATIONS,
)
from tfc.frontend.v1.nn import (
    batch_norm_with_global_normalization,
    batch_normalization,
    bias_add,
    dropout,
    embedding_lookup,
    in_top_k,
    l2_loss,
    l2_normalize,
    leaky_relu,
    log_softmax,
    moments,
    relu_layer,
    sigmoid_cross_entropy_with_logits,
    softmax,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
    xw_plus_b,
    zero_fraction,
)

from .missing import missing

relu, relu6, elu, selu, softplus, softsign, swish = (
    _ACTIVATIONS[n] for n in ("relu", "relu6", "elu", "selu", "softplus", "softsign", "swish")
)
tanh, sigmoid = _ELEMENTWISE["tanh"], _ELEMENTWISE["sigmoid"]
__getattr__ = missing("nn")

__all__ = [
    "batch_norm_with_global_normalization",
    "batch_normalization",
    "bias_add",
    "dropout",
    "elu",
    "embedding_lookup",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "log_softmax",
    "moments",
    "relu",
    "relu6",
    "relu_layer",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
    "weighted_cross_entropy_with_logits",
    "xw_plus_b",
    "zero_fraction",
]
