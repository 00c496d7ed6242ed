"""Arrays of one number: by their bits, and without a look at memory that they do not have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf
from tfc.ir.arrays import repeated

NANS = np.array([0x7FC00000, 0x7FC00001], np.uint32).view(np.float32)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 3), np.float32), 0.0),
        (np.full((3, 1), 7, ">i2"), 7),
        (np.ones(5)[::-2], 1.0),
        (np.array(True), True),
        (np.array([[[3]]], np.uint8), 3),
        (np.full((2, 2), np.nan), np.nan),
        (np.broadcast_to(np.float16(0.5), (10**9, 10**6)), 0.5),
        (np.broadcast_to(np.arange(1, 2), (4, 1)), 1),
        (np.zeros((0, 3)), None),
        (np.array([0.0, -0.0, 0.0]), None),
        (np.array([1, 2, 1]), None),
        (np.arange(3), None),
        (NANS, None),
        (np.broadcast_to(np.arange(2), (10**9, 2)).T[:, :1], None),
    ],
)
def test_the_element_that_all_are(array: np.ndarray[Any, Any], expected: Any) -> None:
    one = repeated(array)
    if expected is None:
        assert one is None
    else:
        assert one is not None
        assert (one.dtype, one.shape) == (array.dtype, ())
        np.testing.assert_array_equal(one, expected)


def test_a_constant_larger_than_memory_is_computed_where_it_is_needed() -> None:
    wide = tf.ones([10**6, 10**7])
    part = (wide * 2.0 + tf.constant(1.0))[5:7, 10**6 : 10**6 + 3]
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(part), np.full((2, 3), 3.0))
