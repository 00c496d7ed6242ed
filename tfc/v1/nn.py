"""`tf.nn`."""

from __future__ import annotations

from tfc.frontend.v1.conv import (
    atrous_conv2d,
    atrous_conv2d_transpose,
    conv1d,
    conv2d,
    conv2d_backprop_filter,
    conv2d_backprop_input,
    conv2d_transpose,
    convolution,
    depthwise_conv2d,
    depthwise_conv2d_native,
    separable_conv2d,
)
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
from tfc.frontend.v1.normalization import fused_batch_norm, local_response_normalization, lrn
from tfc.frontend.v1.pool import avg_pool, avg_pool1d, avg_pool2d, max_pool, max_pool1d, max_pool2d, pool

from .missing import missing

relu, relu6, elu, selu, softplus, softsign, swish = (
    _ACTIVATIONS[n] for n in ("relu", "relu6", "elu", "selu", "softplus", "softsign", "swish")
)
tanh, sigmoid = _ELEMENTWISE["tanh"], _ELEMENTWISE["sigmoid"]
__getattr__ = missing("nn")

__all__ = [
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm_with_global_normalization",
    "batch_normalization",
    "bias_add",
    "conv1d",
    "conv2d",
    "conv2d_backprop_filter",
    "conv2d_backprop_input",
    "conv2d_transpose",
    "convolution",
    "depthwise_conv2d",
    "depthwise_conv2d_native",
    "dropout",
    "elu",
    "embedding_lookup",
    "fused_batch_norm",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "local_response_normalization",
    "log_softmax",
    "lrn",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "moments",
    "pool",
    "relu",
    "relu6",
    "relu_layer",
    "selu",
    "separable_conv2d",
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
