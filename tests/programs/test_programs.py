"""Programs in the manner of courses and books, run as `tfc run` runs them, beside the same in NumPy and float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tfc.v1 as tf
from tfc.frontend.v1.stacks import PROGRAM, STACKS

from .support import (
    Array,
    Network,
    Params,
    Ran,
    Update,
    adagrad,
    adam,
    added,
    close,
    cross_entropy,
    descent,
    momentum,
    rmsprop,
    run,
    sigmoid,
    softmax,
)

SCRIPTS = Path(__file__).parent / "scripts"
Run = Callable[..., Ran]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`program(name, *arguments)`: runs a script as a process of its own would, without a screen."""
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    _as_new()
    yield lambda name, *arguments: run(SCRIPTS / f"{name}.py", monkeypatch, *arguments)
    plt.close("all")
    _as_new()


def _as_new() -> None:
    tf.reset_default_graph()
    STACKS.sessions.clear()
    PROGRAM.flags.clear()
    PROGRAM.parsed = False


def trained(p: Params, network: Network, update: Update, ran: Ran, step: str, x: str, y: str) -> None:
    """Repeats a script's steps on the cross entropy of a network."""
    for c in ran.steps(step):
        slope = cross_entropy(network(p, c.feed[x].astype(np.float64)), c.feed[y])[1]
        update(p, network.back(p, slope))


def test_linear_regression(program: Run) -> None:
    """Samples fed one by one to placeholders without a shape, then all at once."""
    ran = program("linear_regression")
    w, b, n = ran.initial["weight"], ran.initial["bias"], 17
    for c in ran.steps("GradientDescent"):
        x, y = c.feed["Placeholder:0"], c.feed["Placeholder_1:0"]
        error = (w * x + b - y) / n
        w, b = w - 0.01 * error * x, b - 0.01 * error
    close([ran["w_end"], ran["b_end"]], [w, b])
    close(ran["training_cost"], ((w * ran["train_X"] + b - ran["train_Y"]) ** 2).sum() / (2 * n))


LOSSES: dict[str, Callable[[Array, float, float], float]] = {
    "ridge": lambda r, a, b: (r * r).mean() + a * a,
    "lasso": lambda r, a, b: (r * r).mean() + 99 / (1 + np.exp(-50 * (a - 0.9))),
    "elastic": lambda r, a, b: (r * r).mean() + abs(a) + a * a,
    "deming": lambda r, a, b: (abs(r) / np.sqrt(a * a + 1)).mean(),
}


def test_regressions_with_penalties(program: Run) -> None:
    """The gradients by finite differences."""
    ran = program("regularised_regression")
    at = np.array([ran.initial["Variable"].item(), ran.initial["Variable_1"].item()])
    calls = [c for c in ran.calls if c.feed]
    for k in range(0, len(calls), 2):
        loss = LOSSES[ran["steps"][k // 60][0]]
        x, y = calls[k].feed["Placeholder:0"], calls[k].feed["Placeholder_1:0"]

        def value(p: Array, x: Array = x, y: Array = y, loss: Callable[..., float] = loss) -> float:
            return loss(y - x * p[0] - p[1], *p)

        steps = np.eye(2) * 1e-6
        at = at - 0.001 * np.array([(value(at + h) - value(at - h)) / 2e-6 for h in steps])
        close(np.ravel(calls[k + 1].result)[0], value(at), 1e-3)
    close([ran["slope"][0], ran["y_intercept"][0]], at, 1e-3)


def test_logistic_regression_has_the_losses_that_tensorflow_printed(program: Run) -> None:
    """Published output of the same program, initial values and all."""
    costs = program("logistic_regression")["costs"]
    published = {0: 1.73078, 200: 0.571512, 400: 0.507414, 9800: 0.151778, 10000: 0.149496}
    assert {k: float(f"{costs[k]:.6g}") for k in published} == pytest.approx(published, rel=6e-6)


def test_dropout_by_a_placeholder_without_a_shape(program: Run) -> None:
    ran = program("dropout_network")
    w1, b1, w2, b2, w3, b3 = (v.astype(np.float64) for v in ran["weights"])
    names = dict(zip("abcdef", (w1, b1, w2, b2, w3, b3), strict=True))
    out = Network("a b relu", "c d relu", "e f linear")(names, ran["images"][1500:])
    close(ran["out"], out)
    hits = (out.argmax(1) == ran["digits"].target[1500:]).mean()
    assert ran["test_accuracy"] == pytest.approx(hits, abs=1e-6)
    assert hits > 0.7
    wide = np.abs(ran.initial["Variable"])
    assert 0.19 < wide.max() < 0.2, "truncated at two standard deviations"
    assert wide.std() < 0.06


def test_one_network_on_two_inputs(program: Run) -> None:
    ran = program("siamese")
    p = {k.removeprefix("siamese/"): v for k, v in ran.initial.items()}
    layers = ("fc1W fc1b relu", "fc2W fc2b relu", "fc3W fc3b linear")
    one, two, update = Network(*layers), Network(*layers), descent(0.01)
    for c, loss in list(zip(ran.steps("GradientDescent"), ran["losses"], strict=True))[:60]:
        y = c.feed["Placeholder_2:0"]
        d = one(p, c.feed["Placeholder:0"]) - two(p, c.feed["Placeholder_1:0"])
        square = (d * d).sum(1)
        distance = np.sqrt(square + 1e-6)
        gap = np.maximum(5 - distance, 0)
        close(loss, (y * square + (1 - y) * gap**2).mean(), 1e-3)
        slope = 2 * d * ((y - (1 - y) * gap / distance) / len(y))[:, None]
        update(p, added(one.back(p, slope), two.back(p, -slope)))
    assert ran["embed"].shape == (1797, 2)


def test_skip_gram(program: Run) -> None:
    ran = program("skip_gram")
    rows, weights, biases = (ran.initial[n] for n in ("Variable", "Variable_1", "Variable_2"))
    for c, loss in zip(ran.steps("GradientDescent"), ran["losses"], strict=True):
        i, t = c.feed["Placeholder:0"], c.feed["Placeholder_1:0"][:, 0]
        h = rows[i]
        expected, slope = cross_entropy(h @ weights.T + biases, t)
        close(loss, expected)
        by_row = slope @ weights
        weights, biases = weights - slope.T @ h, biases - slope.sum(0)
        np.subtract.at(rows, i, by_row)
    close(ran["final_embeddings"], rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_matrix_factorization(program: Run) -> None:
    ran = program("matrix_factorization")
    names = ("bias_global", "embd_bias_user", "embd_bias_item", "embd_user", "embd_item")
    p, update = {k: ran.initial[k] for k in names}, adam(0.01)
    for c in ran.steps("Adam"):
        u, i, rate = (c.feed[k] for k in ("id_user:0", "id_item:0", "Placeholder:0"))
        bias, by_user, by_item, users, items = p.values()
        found = (users[u] * items[i]).sum(1) + bias + by_user[u] + by_item[i]
        close(c.result[1], found, 2e-3)
        d = found - rate
        g = {k: np.zeros_like(v) for k, v in p.items()}
        g["bias_global"] = d.sum()
        np.add.at(g["embd_bias_user"], u, d)
        np.add.at(g["embd_bias_item"], i, d)
        np.add.at(g["embd_user"], u, d[:, None] * items[i] + 0.05 * users[u])
        np.add.at(g["embd_item"], i, d[:, None] * users[u] + 0.05 * items[i])
        update(p, g)
    assert ran["history"][-1] < ran["history"][0] / 3


def test_k_means(program: Run) -> None:
    """The centroids fetched in the run that moves them are those from before it."""
    ran = program("k_means")
    x = np.array(ran["vector_values"], np.float32)
    centroids = x[:3].astype(np.float64)
    for _ in range(50):
        before = centroids
        nearest = ((x - before[:, None]) ** 2).sum(2).argmin(0)
        centroids = np.stack([x[nearest == k].mean(0) for k in range(3)])
    close(ran["final_centroids"], centroids, 1e-5)
    close(ran["m"], centroids, 1e-5)
    close(ran["centroid_values"], before, 1e-5)
    assert (ran["assignment_values"] == nearest).all()


def test_gradients_of_gradients(program: Run) -> None:
    ran = program("newton")
    assert ran["xs"] == pytest.approx(2.25, abs=1e-14)
    assert ran["r"] == pytest.approx(np.sqrt(2), rel=1e-6)
    close(ran["h0"], [[1330, 480], [480, 200]], 1e-6)
    p, m = np.array([-1.2, 1.0]), np.zeros(2)
    for found in ran["path"]:
        g = np.array([-2 * (1 - p[0]) - 400 * p[0] * (p[1] - p[0] ** 2), 200 * (p[1] - p[0] ** 2)])
        m = 0.9 * m + g
        p = p - 0.0005 * m
        close(found, p, 2e-3)


def test_optimizers_side_by_side(program: Run) -> None:
    ran = program("optimizers")
    x, y, rate = ran["x"], ran["y"], 0.02
    rules = {
        "sgd": descent(rate),
        "momentum": momentum(rate, 0.9),
        "nesterov": momentum(rate, 0.9, nesterov=True),
        "adagrad": adagrad(rate),
        "rmsprop": rmsprop(rate, 0.9),
        "rmsprop_m": rmsprop(rate, 0.9, 0.5, centered=True),
        "adam": adam(rate, 0.9, 0.99),
    }
    assert list(rules) == [name for name, _ in ran["opts"]]
    for (name, update), losses in zip(rules.items(), ran["record"], strict=True):
        p = {
            "w1": np.linspace(-1, 1, 20).reshape(1, 20),
            "b1": np.zeros(20),
            "w2": np.linspace(-0.5, 1, 20).reshape(20, 1),
            "b2": np.zeros(1),
        }
        network = Network("w1 b1 elu", "w2 b2 linear")
        for k, loss in enumerate(losses):
            rows = slice(k % 4 * 32, k % 4 * 32 + 32)
            d = network(p, x[rows]) - y[rows]
            close(loss, (d * d).mean(), 1e-3)
            update(p, network.back(p, 2 * d / 32))
        for found, expected in zip(ran["finals"][name], p.values(), strict=True):
            close(found, expected, 2e-3)


def test_a_recurrent_network_unrolled_by_hand(program: Run) -> None:
    ran = program("unrolled_rnn")
    names = {"W": "Variable", "b": "Variable_1", "W2": "Variable_2", "b2": "Variable_3"}
    p, update = {k: ran.initial[v] for k, v in names.items()}, adagrad(0.3)
    for c in ran.steps("Adagrad")[:60]:
        x, y, h = (c.feed[f"Placeholder{s}:0"] for s in ("", "_1", "_2"))
        states, inputs, slopes, loss = [h.astype(np.float64)], [], [], 0.0
        for t in range(15):
            inputs.append(np.concatenate([x[:, t : t + 1], states[-1]], 1))
            states.append(np.tanh(inputs[-1] @ p["W"] + p["b"]))
            part, slope = cross_entropy(states[-1] @ p["W2"] + p["b2"], y[:, t])
            loss += part / 15
            slopes.append(slope / 15)
        close(c.result[0], loss, 1e-3)
        close(c.result[2], states[-1], 1e-2)
        close(c.result[3][14], softmax(states[-1] @ p["W2"] + p["b2"]), 1e-2)
        g, back = {k: np.zeros_like(v) for k, v in p.items()}, np.zeros_like(states[0])
        for t in reversed(range(15)):
            g["W2"] += states[t + 1].T @ slopes[t]
            g["b2"] += slopes[t].sum(0)
            inner = (slopes[t] @ p["W2"].T + back) * (1 - states[t + 1] ** 2)
            g["W"] += inputs[t].T @ inner
            g["b"] += inner.sum(0)
            back = inner @ p["W"][1:].T
        update(p, {k: np.clip(v, -1, 1) for k, v in g.items()})


def test_early_stopping_goes_back_to_the_best_weights(program: Run) -> None:
    """Weights are restored by feeding what the initial assignments take."""
    ran = program("early_stopping")
    layers = [f"dnn/{n}/kernel dnn/{n}/bias {a}" for n, a in (("hidden1", "relu"), ("hidden2", "relu"))]
    network = Network(*layers, "dnn/outputs/kernel dnn/outputs/bias linear")
    p, update = dict(ran.initial), descent(0.1)
    for c in ran.steps("train/GradientDescent")[:24]:
        update(p, network.back(p, cross_entropy(network(p, c.feed["X:0"].astype(np.float64)), c.feed["y:0"])[1]))
    first = next(c for c in ran.calls if isinstance(c.result, list) and len(c.result) == 2)
    close(first.result[0], cross_entropy(network(p, ran["X_valid"].astype(np.float64)), ran["y_valid"])[0])
    close(ran["again"], ran["best_loss"], 1e-6)
    best = {k: v.astype(np.float64) for k, v in ran["best_params"].items()}
    close(ran["Z"], network(best, ran["X_test"].astype(np.float64)))
    assert ran["acc_test"] == pytest.approx((ran["y_pred"] == ran["y_test"]).mean(), abs=1e-6)


def test_batch_normalisation_by_hand(program: Run) -> None:
    """Population averages are moved by control dependencies of the training step."""
    ran = program("batch_norm")
    w1, s1, b1, m1, v1, w2, s2, b2, m2, v2, w3, _ = (v.astype(np.float64) for v in ran["trained"])
    x = ran["images"][1500:].astype(np.float64)
    h = sigmoid((x @ w1 - m1) / np.sqrt(v1 + 1e-3) * s1 + b1)
    h = sigmoid((h @ w2 - m2) / np.sqrt(v2 + 1e-3) * s2 + b2)
    close(ran["together"], softmax(h @ w3), 1e-3)
    close(ran["alone"], softmax(h @ w3)[:20], 1e-3)
    assert len(ran.steps("GradientDescent")) == 200
    moved = 1 - 0.99 ** sum(bool(c.feed) and len(c.feed) == 2 and len(c.result or "x") == 1 for c in ran.calls)
    assert 0.8 < moved < 1
    z = ran["images"][:1500] @ w1
    assert np.abs(z.mean(0) * moved - m1).max() < 0.4 * z.std()


def test_several_iterations_in_one_run(program: Run) -> None:
    ran = program("julia")
    x, y = ran["gx"].astype(np.float64), ran["gy"].astype(np.float64)
    age = np.zeros(x.shape, int)
    for _ in range(30):
        inside = x * x + y * y < 4
        x, y = np.where(inside, x * x - y * y - 0.8, x), np.where(inside, 2 * x * y + 0.156, y)
        age += inside
    assert ran["ages"].dtype == np.int32
    assert (age != ran["ages"]).mean() < 0.005


@pytest.fixture
def lives() -> Callable[[Array, str], Array]:
    def after(board: Array, edge: str) -> Array:
        wide = np.pad(board, 1, mode=edge)  # type: ignore[call-overload]
        around = sum(wide[i : i + 50, j : j + 50] for i in range(3) for j in range(3)) - board
        return (around == 3) | ((board == 1) & (around == 2))

    return after


def test_game_of_life(program: Run, lives: Callable[[Array, str], Array]) -> None:
    ran = program("game_of_life")
    start = ran["boards"][0]
    assert 0.4 < start.mean() < 0.6
    for boards, edge in ((ran["boards"][1:], "constant"), (ran["rolled"], "wrap")):
        board = start
        for found in boards:
            board = lives(board, edge).astype(int)
            np.testing.assert_array_equal(found, board)


def test_policy_gradient(program: Run) -> None:
    ran = program("policy_gradient")
    p, update = dict(ran.initial), adam(0.02)
    network = Network("fc1/kernel fc1/bias tanh", "fc2/kernel fc2/bias linear")
    steps = ran.steps("train/Adam")
    assert len(steps) == 80
    for c in steps:
        s, action, value = (c.feed[f"inputs/{k}:0"] for k in ("observations", "actions_num", "actions_value"))
        q = softmax(network(p, s))
        expected = (-np.log(q[np.arange(len(action)), action]) * value).mean()
        np.testing.assert_allclose(c.result[1], expected, atol=1e-3)
        update(p, network.back(p, (q - np.eye(2)[action]) * value[:, None] / len(action)))
    assert np.mean(ran["totals"][-10:]) > np.mean(ran["totals"][:10])


def test_a_map_that_organises_itself(program: Run) -> None:
    """The best unit of a run decides where that run slices."""
    ran = program("self_organising_map")
    w, at = ran.initial["Variable"], np.array([(i, j) for i in range(6) for j in range(8)])
    for c in ran.calls[1:-1]:
        v, number = c.feed["Placeholder:0"], c.feed["Placeholder_1:0"]
        best = ((w - v) ** 2).sum(1).argmin()
        left = 1 - number / 20
        near = np.exp(-((at - at[best]) ** 2).sum(1) / (4 * left) ** 2)
        w = w + (0.3 * left * near)[:, None] * (v - w)
    close(ran["weights"], w)


def test_weights_averaged_over_the_training(program: Run) -> None:
    """Without an order between them, the averages move to the weights from before the step."""
    ran = program("averaged_weights")
    names = ["Variable", "Variable_1", "Variable_2", "Variable_3"]
    p = {k: ran.initial[k] for k in names}
    means = dict(p)
    network = Network("Variable Variable_1 relu", "Variable_2 Variable_3 linear")
    for n, c in enumerate(ran.steps("train")):
        share = 1 - min(0.99, (1 + n) / (10 + n))
        means = {k: m - share * (m - p[k]) for k, m in means.items()}
        g = network.back(p, cross_entropy(network(p, c.feed["x-input:0"]), c.feed["y-input:0"].argmax(1))[1])
        for k in ("Variable", "Variable_2"):
            g[k] = g[k] + 0.0001 * p[k]
        descent(0.8 * 0.99 ** (n / 15))(p, g)
    for found, k in zip(ran["averages"], names, strict=True):
        close(found, means[k], 2e-3)


def test_two_optimisers_for_two_scopes(program: Run) -> None:
    ran = program("gan")
    p, update_d, update_g = dict(ran.initial), adam(1e-4), adam(1e-4)
    generator = Network("Generator/l1/w Generator/l1/b relu", "Generator/l2/w Generator/l2/b linear")
    layers = ("Discriminator/l/w Discriminator/l/b relu", "Discriminator/out/w Discriminator/out/b sigmoid")
    real, fake = Network(*layers), Network(*layers)
    for c, loss in zip(ran.steps("Adam"), ran["losses"], strict=True):
        made = generator(p, c.feed["Generator/Placeholder:0"])
        a, b = real(p, c.feed["real_in:0"]), fake(p, made)
        close(loss, -(np.log(a) + np.log(1 - b)).mean(), 1e-3)
        for_d = added(real.back(p, -1 / a / len(a)), fake.back(p, 1 / (1 - b) / len(a)))
        fake.back(p, -1 / (1 - b) / len(a))
        for_g = generator.back(p, fake.slope)
        update_d(p, for_d)
        update_g(p, for_g)


def attend(p: Params, x: Array) -> tuple[Array, Array]:
    """Logits, and the weights of the last block."""

    def dense(h: Array, name: str) -> Array:
        return h @ p[f"{name}/w"] + p[f"{name}/b"]

    def norm(h: Array, name: str) -> Array:
        centred = h - h.mean(-1, keepdims=True)
        return centred / np.sqrt(h.var(-1, keepdims=True) + 1e-5) * p[f"{name}/g"] + p[f"{name}/b"]

    weights = x
    for b in ("block1", "block2"):
        q, k, v = (dense(x, f"{b}/{n}").reshape(-1, 12, 4, 8).transpose(0, 2, 1, 3) for n in "qkv")
        weights = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(8))
        mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(-1, 12, 32)
        x = norm(x + dense(mixed, f"{b}/o"), f"{b}/ln1")
        x = norm(x + np.maximum(dense(x, f"{b}/ff"), 0), f"{b}/ln2")
    return x.mean(1) @ p["wo"] + p["bo"], weights


def test_attention_of_several_heads(program: Run) -> None:
    """The gradient of each parameter along a random direction, up to the common factor of the clipping."""
    ran = program("attention")
    p = {k: v.astype(np.float64) for k, v in ran["params"].items()}
    x, y = ran["X"][:16], ran["Y"][:16]
    *gradients, logits, weights = ran["first"]
    z, expected = attend(p, x)
    close(logits, z)
    close(weights, expected)
    close(ran["losses"][0], cross_entropy(z, y)[0])
    rng, slopes = np.random.default_rng(0), []
    for (_, v), g in zip(ran["gv"], gradients, strict=True):
        name, d = v.op.name, rng.normal(size=g.shape)
        d *= 1e-5 / np.linalg.norm(d)
        ends = [cross_entropy(attend({**p, name: p[name] + s * d}, x)[0], y)[0] for s in (1, -1)]
        slopes.append(((ends[0] - ends[1]) / 2e-5, (g * d).sum() / 1e-5))
    true, found = np.array(slopes).T
    np.testing.assert_allclose(found, (found @ true) / (true @ true) * true, rtol=5e-3, atol=2e-5)
    assert np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients)) <= 1 + 1e-5
    assert ran["losses"][-1] < ran["losses"][0]


def decode(p: Params, texts: Array, sizes: Array) -> Array:
    """Logits of the decoder, each text by itself and only as long as it is, head after head."""
    out = np.full((*texts.shape, 23), np.nan)
    for text, n, logits in zip(texts, sizes, out, strict=True):
        x = p["embedding"][text[:n]] + p["places"][:n]
        for block in ("block1", "block2"):
            q, k, v = (x @ p[f"{block}/{name}/w"] for name in "qkv")
            mixed = np.empty_like(x)
            for h in (slice(0, 8), slice(8, 16), slice(16, 24)):
                scores = np.where(np.tri(n), q[:, h] @ k[:, h].T / np.sqrt(8), -np.inf)
                mixed[:, h] = softmax(scores) @ v[:, h]
            x = x + mixed @ p[f"{block}/o/w"]
            x = x + np.maximum(x @ p[f"{block}/feed/w"], 0)
        logits[:n] = x @ p["embedding"].T
    return out


def test_decoder_of_texts_that_grow(program: Run) -> None:
    """Causal attention, masks of lengths, and a shape of its own for each word that comes next."""
    ran = program("decoder")
    p = {k: v.astype(np.float64) for k, v in ran["params"].items()}
    for texts, sizes, logits in ran["rounds"]:
        expected = decode(p, texts, sizes)
        known = np.isfinite(expected)
        close(logits[known], expected[known])
    assert ran["texts"].shape == (4, 15)


def test_flags(program: Run, capsys: pytest.CaptureFixture[str]) -> None:
    program("flags", "--max_steps=50", "--noverbose", "--train_dir", "here", "rest")
    arguments = [str(SCRIPTS / "flags.py"), "rest"]
    assert capsys.readouterr().out == f"here False False 50 {arguments}\nw = 3.0000\n"
