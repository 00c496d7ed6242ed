"""`tf.layers`: functions that make variables of their own, in a scope named after the layer, and apply them.

Without a name the scopes are `dense`, `dense_1`, … in each variable scope anew, so that a scope that is opened again
with `reuse` finds the variables of its layers in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import math
from .array import expand_dims, reshape, shape, transpose
from .basics import GraphKeys, convert_to_tensor, identity
from .conv import convolved, input_gradient
from .errors import unsupported
from .graph import Tensor, get_default_graph
from .initializers import Zeros
from .lift import emit, is_tensor_like
from .matrices import tensordot
from .nn import bias_add
from .nn import dropout as nn_dropout
from .pool import pooled
from .shape_values import ints_argument
from .variable_scope import get_variable, variable_scope
from .variables import Variable
from .windows import channels_of, format_argument

Function = Callable[[Any], Any]
FORMATS = {"channels_last": ("NWC", "NHWC"), "channels_first": ("NCW", "NCHW")}
"""TF's data formats of one and of two spatial dims."""


@contextmanager
def layer(kind: str, inputs: Any, name: str | None, reuse: bool | None = None) -> Iterator[Tensor]:
    """The scope of a layer, and its input as a tensor."""
    x = convert_to_tensor(inputs, name="inputs")
    with variable_scope(name, kind, values=[x], reuse=reuse):
        yield x


def _sizes(value: Any, dims: int, what: str) -> tuple[int, ...]:
    """A number per spatial dim. Raises ValueError as TF does."""
    numbers = ints_argument(value, what)
    if len(numbers) == 1 and not hasattr(value, "__len__"):
        numbers *= dims
    if len(numbers) != dims:
        raise ValueError(f"The `{what}` argument must be a tuple of {dims} integers. Received: {value}")
    return numbers


def _format(data_format: str, dims: int) -> str:
    """TF's name of a data format of `tf.nn`."""
    if data_format not in FORMATS:
        raise ValueError(
            f'The `data_format` argument must be one of "channels_first", "channels_last", got {data_format!r}'
        )
    return FORMATS[data_format][dims - 1]


def _padding(padding: str) -> str:
    if padding.lower() not in ("valid", "same"):
        raise ValueError(f'The `padding` argument must be one of "valid", "same". Received: {padding}')
    return padding.upper()


def _need_float(x: Tensor, kind: str) -> None:
    if not x.dtype.is_floating:
        raise TypeError(f"Unable to build `{kind}` layer with non-floating point dtype {x.dtype.name}: {x.name}")


def _channels(x: Tensor, form: str, kind: str, dims: int) -> int:
    """The number of channels, which must be known. Raises ValueError."""
    if x.shape.ndims is None or x.shape.ndims != dims + 2:
        raise ValueError(f"Input of layer {kind} is incompatible with it: expected ndim={dims + 2}, got {x.shape}")
    channels = channels_of(x, format_argument(form, dims))
    if channels is None:
        raise ValueError(f"The channel dimension of the inputs of {kind} should be defined. Found `None`: {x.shape}")
    return channels


class Ending:
    """What ends a layer: a bias, an activation, and a loss of the result."""

    def __init__(
        self, use_bias: bool, initializer: Any, regularizer: Any, constraint: Any, activation: Any, activity: Any
    ) -> None:
        self.use_bias, self.initializer, self.regularizer = use_bias, initializer, regularizer
        self.constraint, self.activation, self.activity = constraint, activation, activity

    def variable(self, units: int, dtype: Any, trainable: bool) -> Variable | None:
        """The variable of the bias."""
        if not self.use_bias:
            return None
        rule = Zeros() if self.initializer is None else self.initializer
        return get_variable("bias", [units], dtype, rule, self.regularizer, trainable, constraint=self.constraint)

    def applied(self, y: Tensor, bias: Variable | None, form: str = "NHWC") -> Any:
        if bias is not None:
            y = bias_add(y, bias, form)
        result = y if self.activation is None else self.activation(y)
        if self.activity is not None:
            get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, self.activity(result))
        return result


def dense(
    inputs: Any,
    units: int,
    activation: Function | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
) -> Any:
    """`activation(inputs @ kernel + bias)` over the last axis. The bias is zeros unless said otherwise."""
    ending = Ending(use_bias, bias_initializer, bias_regularizer, bias_constraint, activation, activity_regularizer)
    with layer("dense", inputs, name, reuse) as x:
        _need_float(x, "Dense")
        rank = x.shape.ndims
        if not rank or rank < 2 or x.shape[-1].value is None:
            raise ValueError(f"The last dimension of the inputs to `Dense` should be defined. Found: {x.shape}")
        dims = [x.shape[-1].value, int(units)]
        kernel = get_variable(
            "kernel", dims, x.dtype, kernel_initializer, kernel_regularizer, trainable, constraint=kernel_constraint
        )
        bias = ending.variable(int(units), x.dtype, trainable)
        y = math.matmul(x, kernel) if rank == 2 else tensordot(x, kernel, [[rank - 1], [0]])
        return ending.applied(y, bias)


def _conv_layer(
    dims: int,
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any,
    padding: str,
    data_format: str,
    dilation_rate: Any,
    ending: Ending,
    kernel: tuple[Any, Any, Any],
    trainable: bool,
    name: str | None,
    reuse: bool | None,
) -> Any:
    kind = f"conv{dims}d"
    with layer(kind, inputs, name, reuse) as x:
        form = _format(data_format, dims)
        window, step = _sizes(kernel_size, dims, "kernel_size"), _sizes(strides, dims, "strides")
        rate = _sizes(dilation_rate, dims, "dilation_rate")
        if max(step) > 1 and max(rate) > 1:
            raise ValueError("`strides > 1` not supported in conjunction with `dilation_rate > 1`")
        _need_float(x, kind)
        channels = _channels(x, form, kind, dims)
        initializer, regularizer, constraint = kernel
        w = get_variable(
            "kernel",
            [*window, channels, int(filters)],
            x.dtype,
            initializer,
            regularizer,
            trainable,
            constraint=constraint,
        )
        bias = ending.variable(int(filters), x.dtype, trainable)
        # TF makes a constant too, the dilation rate; a convolution of one dim is one of two in four nodes more.
        node, nodes = ("Conv2D", 2) if dims == 2 else (kind, 7)
        y = convolved(x, w, dims, step, _padding(padding), form, rate, node, nodes)
        return ending.applied(y, bias, format_argument(form, dims))


def conv1d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
    activation: Function | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
) -> Any:
    """`activation(conv(inputs, kernel) + bias)` of sequences."""
    ending = Ending(use_bias, bias_initializer, bias_regularizer, bias_constraint, activation, activity_regularizer)
    kernel = kernel_initializer, kernel_regularizer, kernel_constraint
    about = strides, padding, data_format, dilation_rate, ending, kernel, trainable, name, reuse
    return _conv_layer(1, inputs, filters, kernel_size, *about)


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    activation: Function | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
) -> Any:
    """`activation(conv(inputs, kernel) + bias)` of images."""
    ending = Ending(use_bias, bias_initializer, bias_regularizer, bias_constraint, activation, activity_regularizer)
    kernel = kernel_initializer, kernel_regularizer, kernel_constraint
    about = strides, padding, data_format, dilation_rate, ending, kernel, trainable, name, reuse
    return _conv_layer(2, inputs, filters, kernel_size, *about)


def conv2d_transpose(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Function | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
) -> Any:
    """`activation(t + bias)`, t the transposed convolution of images, `strides` times as large."""
    ending = Ending(use_bias, bias_initializer, bias_regularizer, bias_constraint, activation, activity_regularizer)
    with layer("conv2d_transpose", inputs, name, reuse) as x:
        form = _format(data_format, 2)
        window, step = _sizes(kernel_size, 2, "kernel_size"), _sizes(strides, 2, "strides")
        _need_float(x, "Conv2DTranspose")
        dims, units = [*window, int(filters), _channels(x, form, "conv2d_transpose", 2)], int(filters)
        kernel = get_variable(
            "kernel", dims, x.dtype, kernel_initializer, kernel_regularizer, trainable, constraint=kernel_constraint
        )
        bias = ending.variable(units, x.dtype, trainable)
        given, first = x.ir_value.type.dims, 2 if form == "NCHW" else 1
        over = 0 if _padding(padding) == "SAME" else 1
        places = [n * s + over * max(k - s, 0) for n, k, s in zip(given[first:], window, step, strict=False)]
        whole = (given[0], units, *places) if form == "NCHW" else (given[0], *places, units)
        # TF computes the shape of the result from that of the operand, in 23 nodes, and 4 more without padding.
        y = input_gradient(
            whole, kernel, x, step, _padding(padding), form, None, "conv2d_transpose", nodes=24 + 4 * over
        )
        return ending.applied(y, bias, form)


# Pools


def _pool_layer(op: str, kind: str, dims: int) -> Any:
    node = {"max_pool": "MaxPool", "avg_pool": "AvgPool"}[op]

    def function(
        inputs: Any,
        pool_size: Any,
        strides: Any,
        padding: str = "valid",
        data_format: str = "channels_last",
        name: str | None = None,
    ) -> Tensor:
        with layer(kind, inputs, name) as x:
            window, step = _sizes(pool_size, dims, "pool_size"), _sizes(strides, dims, "strides")
            form = format_argument(_format(data_format, dims), dims)
            last, nodes = (node, 1) if dims > 1 else ("Squeeze", 4)
            return pooled(op, x, window, step, _padding(padding), form, dims, last, nodes=nodes)

    function.__name__ = function.__qualname__ = kind
    function.__doc__ = f"`{op}` over windows of {dims} spatial dims."
    return function


max_pooling1d, max_pooling2d = (_pool_layer("max_pool", f"max_pooling{k}d", k) for k in (1, 2))
average_pooling1d, average_pooling2d = (_pool_layer("avg_pool", f"average_pooling{k}d", k) for k in (1, 2))


# Without windows


def flatten(inputs: Any, name: str | None = None, data_format: str = "channels_last") -> Tensor:
    """All axes but the first as one."""
    with layer("flatten", inputs, name) as x:
        rank = x.shape.ndims
        if rank is None:
            raise unsupported(f"flatten of {x.name} at {x.graph.ir.locate()}: its rank is unknown")
        if _format(data_format, 2) == "NCHW" and rank > 2:
            x = transpose(x, [0, *range(2, rank), 1])
        if rank == 1:
            return expand_dims(x, -1)
        batch = x.shape[0].value
        return reshape(x, [shape(x)[0] if batch is None else batch, -1])


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> Tensor:
    """In training each element with probability `rate` 0, else scaled by `1 / (1 - rate)`; else the inputs."""
    with layer("dropout", inputs, name) as x:
        if not is_tensor_like(training):
            return nn_dropout(x, noise_shape=noise_shape, seed=seed, rate=rate) if training else identity(x)
        with x.graph.name_scope("cond"):
            with x.graph.counted(4):
                chosen = convert_to_tensor(training)
            dropped = nn_dropout(x, noise_shape=noise_shape, seed=seed, rate=rate)
            return emit(x.graph, "select", [chosen, dropped, x], name="Merge", nodes=4)
