"""What may be fed, what it becomes, and what is said of what may not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfc.ir.errors import DTypeError, ShapeError
from tfc.runtime import Executable, Session

from .support import Array, Builder

DTYPES = ("bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float16", "float32", "float64", "bfloat16")


def fed(value: Any, of: str = "float32", shape: Any = None) -> Array:
    """What a placeholder has when a value is fed."""
    b = Builder()
    x = b.placeholder("x", shape, of)
    (out,) = Session(b.graph).prepare((x,), (x,))([value])
    return out


def refused(value: Any, of: str = "float32", shape: Any = None) -> str:
    with pytest.raises((DTypeError, ShapeError)) as caught:
        fed(value, of, shape)
    return str(caught.value)


@pytest.mark.parametrize("of", DTYPES)
@pytest.mark.parametrize("given", DTYPES)
def test_every_dtype_takes_the_numbers_of_every_other(of: str, given: str) -> None:
    from tfc.ir.types import dtype

    value = np.array([[0, 1, 1], [1, 0, 0]]).astype(dtype(given).np)
    out = fed(value, of)
    assert out.dtype == dtype(of).np
    np.testing.assert_array_equal(out.astype(np.float64), value.astype(np.float64))


@pytest.mark.parametrize(
    ("value", "of", "expected"),
    [
        (3, "float32", 3.0),
        (2.5, "float32", 2.5),
        (True, "float32", 1.0),
        (7, "int64", 7),
        (np.float64(0.1), "float32", np.float32(0.1)),
        ([1, 2.5, True], "float32", [1, 2.5, 1]),
        (((1, 2), (3, 4)), "int32", [[1, 2], [3, 4]]),
        ([np.arange(2), [5, 6]], "int32", [[0, 1], [5, 6]]),
        ([[np.float32(1)], [np.float64(2)]], "float64", [[1], [2]]),
        ([], "float32", np.zeros(0)),
        ([[], []], "int64", np.zeros((2, 0))),
        (range(3), "int32", [0, 1, 2]),
        (1e300, "float32", np.inf),
        (np.array([1e-300, -1e300]), "float16", [0, -np.inf]),
        (2**53 + 1, "float64", 2.0**53),
        ([2.0, -3.0], "int32", [2, -3]),
        ([0, 1], "bool", [False, True]),
        (-1, "int8", -1),
        (2**63, "uint64", 2**63),
        (np.ma.masked_array([1, 2], [True, False]), "float32", [1, 2]),
    ],
)
def test_values_of_python_and_numpy(value: Any, of: str, expected: Any) -> None:
    out = fed(value, of)
    assert type(out) is np.ndarray
    np.testing.assert_array_equal(out, np.asarray(expected, of))


def layouts() -> dict[str, Array]:
    plain = np.arange(24, dtype=np.float32).reshape(4, 6)
    raw = np.zeros(plain.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(np.float32).reshape(4, 6)
    unaligned[...] = plain
    readonly = plain.copy()
    readonly.flags.writeable = False
    return {
        "fortran": np.asfortranarray(plain),
        "transposed": plain.T,
        "every other": plain[::2, ::3],
        "reversed": plain[::-1, ::-1],
        "broadcast": np.broadcast_to(np.float32(3), (2, 3)),
        "unaligned": unaligned,
        "swapped": plain.astype(">f4"),
        "read-only": readonly,
        "empty": plain[2:2],
        "scalar": plain[2, 3, ...],
    }


@pytest.mark.parametrize("name", list(layouts()))
def test_arrays_of_any_layout(name: str) -> None:
    value = layouts()[name]
    b = Builder()
    x = b.placeholder("x")
    run = Session(b.graph).prepare((b.op("neg", x), x), (x,))
    before = value.copy()
    for _ in range(2):
        negative, same = run([value])
        np.testing.assert_array_equal(negative, -before)
        np.testing.assert_array_equal(same, before)
        assert not np.shares_memory(same, value)
    np.testing.assert_array_equal(value, before)


def test_what_is_fed_is_not_converted_where_it_fits() -> None:
    """A megabyte that needs no copy is read where it is: a change of it shows in the next run."""
    b = Builder()
    b.graph.outputs = [b.op("neg", b.placeholder("x", ("n",)))]
    run = Executable(b.graph).run
    value = np.ones(1 << 18, np.float32)
    assert run([value])[0][-1] == -1
    value[-1] = 5
    assert run([value])[0][-1] == -5


@pytest.mark.parametrize(
    ("value", "of", "message"),
    [
        ("abc", "float32", "Cannot feed 'abc' for Tensor 'x:0' of float32, at model.py:1: expected numbers, got str96"),
        (None, "float32", "Cannot feed None for Tensor 'x:0' of float32, at model.py:1: expected numbers, got object"),
        (
            [1, None],
            "int32",
            "Cannot feed [1, None] for Tensor 'x:0' of int32, at model.py:1: expected numbers, got object",
        ),
        (1j, "float32", "Cannot feed 1j for Tensor 'x:0' of float32, at model.py:1: expected numbers, got complex128"),
        (b"raw", "uint8", "Cannot feed b'raw' for Tensor 'x:0' of uint8, at model.py:1: expected numbers, got bytes24"),
        (2**70, "int64", f"Cannot feed {2**70} for Tensor 'x:0' of int64, at model.py:1: expected numbers, got object"),
        (1.5, "int32", "Cannot feed 1.5 for Tensor 'x:0' of int32, at model.py:1: 1.5 is no int32"),
        (float("nan"), "int32", "Cannot feed nan for Tensor 'x:0' of int32, at model.py:1: nan is no int32"),
        ([1, 300], "uint8", "Cannot feed [1, 300] for Tensor 'x:0' of uint8, at model.py:1: 300 is no uint8"),
        ([0, -1], "uint64", "Cannot feed [0, -1] for Tensor 'x:0' of uint64, at model.py:1: -1 is no uint64"),
        (2**40, "int32", f"Cannot feed {2**40} for Tensor 'x:0' of int32, at model.py:1: {2**40} is no int32"),
        ([0, 2], "bool", "Cannot feed [0, 2] for Tensor 'x:0' of bool, at model.py:1: 2 is no bool"),
        (
            np.array([0.5]),
            "int64",
            "Cannot feed an array of float64 for Tensor 'x:0' of int64, at model.py:1: 0.5 is no int64",
        ),
        (
            np.array(["a"]),
            "int64",
            "Cannot feed an array of <U1 for Tensor 'x:0' of int64, at model.py:1: expected numbers, got str32",
        ),
    ],
)
def test_what_is_no_number_of_the_dtype(value: Any, of: str, message: str) -> None:
    assert refused(value, of) == message


def test_long_values_are_cut_in_messages() -> None:
    message = refused(["word"] * 100)
    assert message.startswith("Cannot feed ['word', 'word', 'word', 'word', 'wor... for Tensor 'x:0' of float32, at")


@pytest.mark.parametrize("value", [[1, [2, 3]], [[1, 2], [3]], [np.zeros(2), np.zeros(3)]])
def test_ragged_lists(value: Any) -> None:
    message = refused(value)
    assert message.startswith("Cannot feed [")
    assert "for Tensor 'x:0' of float32, at model.py:1: " in message
    assert "inhomogeneous" in message


@pytest.mark.parametrize(
    ("shape", "value", "text"),
    [
        (("n", 784), np.zeros(3), "(3,) for Tensor 'x:0', which has shape '(?, 784)'"),
        (("n", 784), np.zeros((5, 783)), "(5, 783) for Tensor 'x:0', which has shape '(?, 784)'"),
        ((3,), [1, 2], "(2,) for Tensor 'x:0', which has shape '(3,)'"),
        ((), [1], "(1,) for Tensor 'x:0', which has shape '()'"),
        (("n",), 1, "() for Tensor 'x:0', which has shape '(?,)'"),
        ((0, 2), np.zeros((1, 2)), "(1, 2) for Tensor 'x:0', which has shape '(0, 2)'"),
    ],
)
def test_wrong_shapes(shape: Any, value: Any, text: str) -> None:
    assert refused(value, shape=shape) == f"Cannot feed value of shape {text}, at model.py:1"


def test_a_wrong_shape_is_refused_each_time_and_a_right_one_still_runs() -> None:
    b = Builder()
    x = b.placeholder("x", ("n", 2))
    run = Session(b.graph).prepare((b.op("neg", x),), (x,))
    for _ in range(2):
        with pytest.raises(ShapeError):
            run([np.zeros((2, 3))])
        assert run([np.zeros((3, 2))])[0].shape == (3, 2)


def test_dims_of_one_name_are_equal() -> None:
    b = Builder()
    x, y = b.placeholder("x", ("n",)), b.placeholder("y", ("n", "m"))
    b.graph.outputs = [b.op("reduce_sum", x, axes=None, keepdims=False), y]
    run = Executable(b.graph).run
    run([np.zeros(3), np.zeros((3, 5))])
    with pytest.raises(ShapeError, match=r"what is fed does not fit together: x:0 \[3\], y:0 \[4, 5\]"):
        run([np.zeros(3), np.zeros((4, 5))])


def test_an_object_that_is_no_array_says_why() -> None:
    class Symbolic:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise TypeError("it is symbolic")

        def __repr__(self) -> str:
            return "Symbolic"

    assert refused(Symbolic()) == "Cannot feed Symbolic for Tensor 'x:0' of float32, at model.py:1: it is symbolic"
