"""The first lesson of TensorFlow 1: a linear classifier of digits, softmax(x @ w + b), trained by gradient descent."""

from __future__ import annotations

from typing import Any, NamedTuple

import tfc.v1 as tf

from .datasets import DataSet

CLASSES = 10


class Classifier(NamedTuple):
    """The tensors and operations of the lesson, under its names."""

    x: Any
    y_true: Any
    y_true_cls: Any
    w: Any
    b: Any
    y_pred_cls: Any
    cost: Any
    optimizer: Any
    accuracy: Any


def build(num_pixels: int, learning_rate: float = 0.5) -> Classifier:
    """The classifier of images of so many pixels, in the default graph."""
    x = tf.placeholder(tf.float32, [None, num_pixels], name="x")
    y_true = tf.placeholder(tf.float32, [None, CLASSES], name="y_true")
    y_true_cls = tf.placeholder(tf.int64, [None], name="y_true_cls")

    w = tf.Variable(tf.zeros([num_pixels, CLASSES]), name="w")
    b = tf.Variable(tf.zeros([CLASSES]), name="b")

    logits = tf.matmul(x, w) + b
    y_pred = tf.nn.softmax(logits)
    y_pred_cls = tf.argmax(y_pred, dimension=1)

    cross_entropy = tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y_true)
    cost = tf.reduce_mean(cross_entropy)
    optimizer = tf.train.GradientDescentOptimizer(learning_rate=learning_rate).minimize(cost)

    correct_prediction = tf.equal(y_pred_cls, y_true_cls)
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))
    return Classifier(x, y_true, y_true_cls, w, b, y_pred_cls, cost, optimizer, accuracy)


def optimize(session: Any, model: Classifier, train: DataSet, batch_size: int) -> None:
    """One step of training, on the next minibatch."""
    x_batch, y_true_batch = train.next_batch(batch_size)
    session.run(model.optimizer, feed_dict={model.x: x_batch, model.y_true: y_true_batch})


def accuracy(session: Any, model: Classifier, test: DataSet) -> float:
    """The part of a data set that is classified rightly."""
    feed_dict_test = {model.x: test.images, model.y_true_cls: test.labels.argmax(axis=1)}
    return float(session.run(model.accuracy, feed_dict=feed_dict_test))


def predictions(session: Any, model: Classifier, test: DataSet) -> Any:
    """The class that each image of a data set is taken for."""
    return session.run(model.y_pred_cls, feed_dict={model.x: test.images})
