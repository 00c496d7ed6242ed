"""Optimisers and learning rates against their formulas in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf

START = np.array([[0.5, -1.5, 2.0], [3.0, 0.0, -0.25]])
SCALE = np.array([[1.0, 2.0, 0.5], [-1.0, 3.0, 4.0]])
STEPS = 5
Rule = Callable[[np.ndarray[Any, Any]], Iterator[np.ndarray[Any, Any]]]


def gradient(w: Any) -> Any:
    """Of the loss `sum(scale * w**2 + w)`."""
    return 2 * SCALE * w + 1


def descent(w: Any, rate: float = 0.1) -> Iterator[Any]:
    while True:
        w = w - rate * gradient(w)
        yield w


def momentum(w: Any, rate: float = 0.05, share: float = 0.9, nesterov: bool = False) -> Iterator[Any]:
    a = np.zeros_like(w)
    while True:
        g = gradient(w)
        a = share * a + g
        w = w - (rate * g + rate * share * a if nesterov else rate * a)
        yield w


def adagrad(w: Any, rate: float = 0.3) -> Iterator[Any]:
    a = np.full_like(w, 0.1)
    while True:
        g = gradient(w)
        a = a + g**2
        w = w - rate * g / np.sqrt(a)
        yield w


def rmsprop(w: Any, centered: bool = False) -> Iterator[Any]:
    rate, decay, share, epsilon = 0.02, 0.8, 0.3, 1e-3
    ms, mg, m = np.ones_like(w), np.zeros_like(w), np.zeros_like(w)
    while True:
        g = gradient(w)
        ms = decay * ms + (1 - decay) * g**2
        mg = decay * mg + (1 - decay) * g
        m = share * m + rate * g / np.sqrt(ms - (mg**2 if centered else 0) + epsilon)
        w = w - m
        yield w


def adam(w: Any) -> Iterator[Any]:
    rate, b1, b2, epsilon, t = 0.05, 0.8, 0.95, 1e-2, 0
    m, v = np.zeros_like(w), np.zeros_like(w)
    while True:
        g, t = gradient(w), t + 1
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        w = w - rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + epsilon)
        yield w


CASES: dict[str, tuple[Callable[[], Any], Rule]] = {
    "descent": (lambda: tf.train.GradientDescentOptimizer(0.1), descent),
    "momentum": (lambda: tf.train.MomentumOptimizer(0.05, 0.9), momentum),
    "nesterov": (
        lambda: tf.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
        lambda w: momentum(w, nesterov=True),
    ),
    "adagrad": (lambda: tf.train.AdagradOptimizer(0.3), adagrad),
    "rmsprop": (lambda: tf.train.RMSPropOptimizer(0.02, 0.8, 0.3, 1e-3), rmsprop),
    "centered": (
        lambda: tf.train.RMSPropOptimizer(0.02, 0.8, 0.3, 1e-3, centered=True),
        lambda w: rmsprop(w, centered=True),
    ),
    "adam": (lambda: tf.train.AdamOptimizer(0.05, 0.8, 0.95, 1e-2), adam),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_steps_follow_the_formula(case: str, dtype: str) -> None:
    make, rule = CASES[case]
    w = tf.Variable(START.astype(dtype), name="w")
    loss = tf.reduce_sum(tf.constant(SCALE.astype(dtype)) * w * w + w)
    train = make().minimize(loss)
    expected = rule(START)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            assert s.run(train) is None
            np.testing.assert_allclose(s.run(w), next(expected), rtol=2e-5, atol=1e-6)


def test_all_variables_step_from_one_state() -> None:
    """Each gradient depends on the other variable; both must be those before the step."""
    u, v = tf.Variable(2.0), tf.Variable(3.0)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(u * v)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        loss, _ = s.run([u * v, train])
        assert loss == 6
        np.testing.assert_allclose(s.run([u, v]), [2 - 0.3, 3 - 0.2], rtol=1e-6)


def test_slots_have_tfs_names() -> None:
    w = tf.Variable([1.0, 2.0], name="w")
    loss = tf.reduce_sum(w * w)
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    tf.train.AdamOptimizer(0.1).minimize(loss)
    adam = tf.train.AdamOptimizer(0.1)
    adam.minimize(loss)
    tf.train.RMSPropOptimizer(0.1, centered=True).minimize(loss)
    names = [v.op.name for v in tf.global_variables()]
    assert names == [
        "w",
        "w/Momentum",
        "beta1_power",
        "beta2_power",
        "w/Adam",
        "w/Adam_1",
        "beta1_power_1",
        "beta2_power_1",
        "w/Adam_2",
        "w/Adam_3",
        "w/RMSProp",
        "w/RMSProp_1",
        "w/RMSProp_2",
    ]
    assert [v.op.name for v in tf.trainable_variables()] == ["w"]
    assert adam.get_slot_names() == ["m", "v"]
    assert adam.get_slot(w, "m").op.name == "w/Adam_2"
    assert adam.get_slot(w, "none") is None
    assert len(adam.variables()) == 4


def test_slots_ignore_the_open_scopes_but_powers_keep_the_name_scope() -> None:
    with tf.variable_scope("model"):
        w = tf.get_variable("w", [2])
    with tf.name_scope("train"):
        train = tf.train.AdamOptimizer().minimize(tf.reduce_sum(w))
    names = [v.op.name for v in tf.global_variables()]
    assert names == ["model/w", "train/beta1_power", "train/beta2_power", "model/w/Adam", "model/w/Adam_1"]
    assert train.name == "train/Adam"


def test_compute_and_apply() -> None:
    u, v = tf.Variable([1.0, 2.0], name="u"), tf.Variable(5.0, name="v")
    fixed = tf.Variable(1.0, trainable=False)
    loss = tf.reduce_sum(u * u) * fixed
    opt = tf.train.GradientDescentOptimizer(1.0)
    pairs = opt.compute_gradients(loss)
    assert [x for _, x in pairs] == [u, v]
    assert pairs[1][0] is None
    clipped = [(g if g is None else tf.clip_by_value(g, -1.0, 1.0), x) for g, x in pairs]
    step = tf.Variable(0, trainable=False, name="step")
    train = opt.apply_gradients(clipped, global_step=step, name="go")
    assert train.name == "go"
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        (du, _), _ = s.run([pairs[0], train])
        np.testing.assert_array_equal(du, [2, 4])
        np.testing.assert_array_equal(s.run(u), [0, 1])
        assert s.run([v, step]) == [5, 1]


def test_what_cannot_be_optimised() -> None:
    opt = tf.train.GradientDescentOptimizer(0.1)
    c = tf.constant(1.0)
    with pytest.raises(ValueError, match="No variables to optimize"):
        opt.minimize(c)
    v = tf.Variable(1.0)
    with pytest.raises(ValueError, match="No gradients provided"):
        opt.minimize(c)
    with pytest.raises(TypeError, match="not a variable"):
        opt.minimize(c, var_list=[c])
    with pytest.raises(ValueError, match="No gradients provided"):
        opt.apply_gradients([(None, v)])
    with pytest.raises(ValueError, match="expected a float type"):
        opt.minimize(c, var_list=[tf.Variable(1)])
    with pytest.raises(ValueError, match="positive"):
        tf.train.AdagradOptimizer(0.1, initial_accumulator_value=0)


def test_constraints_hold_after_the_step() -> None:
    v = tf.Variable([1.0, -1.0], constraint=lambda w: tf.maximum(w, 0.0))
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(v * v))
    with tf.Session() as s:
        s.run(v.initializer)
        s.run(train)
        np.testing.assert_allclose(s.run(v), [0.8, 0.0], rtol=1e-6)


def test_global_step() -> None:
    assert tf.train.get_global_step() is None
    step = tf.train.get_or_create_global_step()
    assert tf.train.get_or_create_global_step() is step is tf.train.get_global_step()
    assert (step.op.name, step.dtype) == ("global_step", tf.int64)
    with pytest.raises(ValueError, match="already exists"):
        tf.train.create_global_step()
    assert tf.trainable_variables() == []
    v = tf.Variable(1.0)
    rate = tf.train.exponential_decay(0.5, step, 1, 0.5)
    train = tf.train.GradientDescentOptimizer(rate).minimize(v, global_step=step)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        for _ in range(3):
            s.run(train)
        assert tf.train.global_step(s, step) == 3
        np.testing.assert_allclose(s.run(v), 1 - 0.5 - 0.25 - 0.125, rtol=1e-6)


DECAYS: dict[str, tuple[Callable[[Any], Any], Callable[[float], float]]] = {
    "exponential": (lambda n: tf.train.exponential_decay(0.1, n, 10, 0.96), lambda n: 0.1 * 0.96 ** (n / 10)),
    "staircase": (
        lambda n: tf.train.exponential_decay(0.1, n, 10, 0.96, staircase=True),
        lambda n: 0.1 * 0.96 ** (n // 10),
    ),
    "natural": (lambda n: tf.train.natural_exp_decay(0.1, n, 10, 0.5), lambda n: 0.1 * np.exp(-0.5 * n / 10)),
    "inverse": (lambda n: tf.train.inverse_time_decay(0.1, n, 10, 0.5), lambda n: 0.1 / (1 + 0.5 * n / 10)),
    "inverse staircase": (
        lambda n: tf.train.inverse_time_decay(0.1, n, 10, 0.5, staircase=True),
        lambda n: 0.1 / (1 + 0.5 * (n // 10)),
    ),
    "polynomial": (
        lambda n: tf.train.polynomial_decay(0.1, n, 20, 0.01, power=2.0),
        lambda n: 0.09 * (1 - min(n, 20) / 20) ** 2 + 0.01,
    ),
    "cycle": (
        lambda n: tf.train.polynomial_decay(0.1, n, 20, 0.01, cycle=True),
        lambda n: 0.09 * (1 - n / (20 * max(1, np.ceil(n / 20)))) + 0.01,
    ),
    "cosine": (
        lambda n: tf.train.cosine_decay(0.1, n, 20, alpha=0.1),
        lambda n: 0.1 * (0.9 * 0.5 * (1 + np.cos(np.pi * min(n, 20) / 20)) + 0.1),
    ),
    "piecewise": (
        lambda n: tf.train.piecewise_constant(n, [5, 15], [0.1, 0.05, 0.01]),
        lambda n: 0.1 if n <= 5 else 0.05 if n <= 15 else 0.01,
    ),
}


@pytest.mark.parametrize("case", DECAYS)
def test_decays(case: str) -> None:
    make, rule = DECAYS[case]
    step = tf.placeholder(tf.int64, [])
    rate = make(step)
    assert rate.dtype == tf.float32
    with tf.Session() as s:
        for n in (0, 1, 5, 6, 10, 15, 16, 20, 21, 40, 47):
            np.testing.assert_allclose(s.run(rate, {step: n}), rule(n), rtol=1e-5, err_msg=str(n))


def test_decays_need_a_global_step() -> None:
    with pytest.raises(ValueError, match="global_step"):
        tf.train.exponential_decay(0.1, None, 1, 1)
    with pytest.raises(ValueError, match="1 less"):
        tf.train.piecewise_constant(tf.constant(1), [1], [1.0])
