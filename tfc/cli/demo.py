"""`tfc demo`: trains a classifier of handwritten digits, and draws what it learnt."""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import tfc.v1 as tf
from tfc.ir.errors import TfcError
from tfc.v1.examples.tutorials.mnist import digits, input_data, mnist_softmax
from tfc.v1.examples.tutorials.mnist.datasets import Datasets

from . import plots

DESCRIPTION = """\
Trains the linear softmax classifier of the first TensorFlow lesson on real handwritten digits, says
its accuracy as it learns, and draws what it learnt. The model is in
tfc/v1/examples/tutorials/mnist/mnist_softmax.py.

The digits are the 8 x 8 ones that scikit-learn has in it. --data takes any data set in MNIST's
format instead; into a folder without such files MNIST itself is downloaded.
"""
EPILOG = """\
examples:
  tfc demo digits
  tfc demo digits --data data/MNIST
  tfc demo digits --data /usr/share/datasets/fashion-mnist --learning-rate 0.1
"""
MODULES = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "tqdm": "tqdm"}
"""What the demo needs beside tfc, as modules and as distributions."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `tfc demo` takes."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("what", choices=["digits"], help="what to train on")
    parser.add_argument("--data", metavar="DIR", help="a folder with the four IDX files of a data set")
    parser.add_argument("--steps", type=_positive, default=1000, help="minibatches to train on (default %(default)s)")
    parser.add_argument("--batch", type=_positive, default=100, help="images in a minibatch (default %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=0.5, metavar="RATE", help="default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the images (default %(default)s)")
    parser.add_argument("--out", metavar="DIR", default="plots", help="where plots are written (default %(default)s)")
    parser.add_argument("--no-plots", action="store_true", help="write none")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives its exit status."""
    _need(*MODULES)
    data = _data(arguments.data, arguments.seed)
    pixels = data.train.images.shape[1]
    _say(f"data   {arguments.data or 'scikit-learn, digits of 8 x 8 pixels'}: ", end="")
    _say(f"{data.train.num_examples} images to train on, {data.test.num_examples} to test with")
    _say(f"model  softmax(x @ w + b), {pixels} -> {mnist_softmax.CLASSES}; ", end="")
    _say(f"batches of {arguments.batch}, learning rate {arguments.learning_rate:g}\n")
    with tf.Graph().as_default():
        model = mnist_softmax.build(pixels, arguments.learning_rate)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            _train(session, model, data, arguments.steps, arguments.batch)
            predicted = mnist_softmax.predictions(session, model, data.test)
            weights = session.run(model.w)
    from sklearn.metrics import confusion_matrix

    true = data.test.labels.argmax(axis=1)
    matrix = confusion_matrix(true, predicted, labels=range(mnist_softmax.CLASSES))
    _say(f"\nconfusion matrix (rows: true class, columns: predicted)\n{_table(matrix)}")
    if not arguments.no_plots:
        folder = Path(arguments.out)
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in plots.figures(data.test.images, true, predicted, weights, matrix):
            _say(f"wrote {plots.save(figure, folder / f'{name}.png')}")
    return 0


def _train(session: Any, model: mnist_softmax.Classifier, data: Datasets, steps: int, batch: int) -> None:
    """Trains, and says the accuracy on the test set before, after 1 step, after 10, and at the end.

    A bar shows how far it is, where standard error is a terminal.
    """
    from tqdm import tqdm

    _say_accuracy("before training", mnist_softmax.accuracy(session, model, data.test))
    marks = {1, 10, steps}
    spent = 0.0
    with tqdm(range(1, steps + 1), desc="training", unit="step", leave=False, disable=None) as bar:
        for step in bar:
            start = time.perf_counter()
            mnist_softmax.optimize(session, model, data.train, batch)
            spent += time.perf_counter() - start
            if step in marks:
                accuracy = mnist_softmax.accuracy(session, model, data.test)
                bar.clear()
                _say_accuracy(f"after {step} step{'s' if step > 1 else ''}", accuracy)
    _say(f"trained for {spent:.2f} s, {spent / steps * 1e6:.0f} µs a step with its minibatch")


def _data(folder: str | None, seed: int) -> Datasets:
    if folder is None:
        return digits.load_digits_sets(seed=seed)
    return input_data.read_data_sets(folder, one_hot=True, seed=seed)


def _need(*modules: str) -> None:
    """Raises TfcError that says what to install."""
    missing = []
    for module in modules:
        try:
            import_module(module)
        except ImportError:
            missing.append(MODULES[module])
    if missing:
        raise TfcError(f'the demo needs {", ".join(missing)}: pip install "tfc[demo]"')


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {number}")
    return number


def _say_accuracy(when: str, accuracy: float) -> None:
    _say(f"accuracy on test images {when:<16} {accuracy:7.2%}")


def _say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)


def _table(matrix: np.ndarray[Any, Any]) -> str:
    """A matrix of counts, with the classes along its edges."""
    width = max(4, len(str(matrix.max())) + 1)
    head = "".join(f"{k:>{width}}" for k in range(len(matrix)))
    rows = [f"{k:>3} |{''.join(f'{n:>{width}}' for n in row)}" for k, row in enumerate(matrix)]
    return "\n".join([f"    |{head}", f"----+{'-' * width * len(matrix)}", *rows]) + "\n"
