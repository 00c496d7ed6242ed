import argparse

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--steps", type=int, default=100)
FLAGS = parser.parse_args()

data = input_data.read_data_sets(FLAGS.data, one_hot=True, validation_size=5, seed=1)
test_cls = np.argmax(data.test.labels, axis=1)
img_size_flat = data.train.images.shape[1]

x = tf.placeholder(tf.float32, [None, img_size_flat])
y_true = tf.placeholder(tf.float32, [None, 10])
y_true_cls = tf.placeholder(tf.int64, [None])

weights = tf.Variable(tf.zeros([img_size_flat, 10]))
biases = tf.Variable(tf.zeros([10]))
logits = tf.matmul(x, weights) + biases
y_pred = tf.nn.softmax(logits)
y_pred_cls = tf.argmax(y_pred, dimension=1)

cross_entropy = tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y_true)
cost = tf.reduce_mean(cross_entropy)
optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.5).minimize(cost)

correct_prediction = tf.equal(y_pred_cls, y_true_cls)
accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

session = tf.Session()
session.run(tf.global_variables_initializer())


def optimize(num_iterations):
    for _ in range(num_iterations):
        x_batch, y_true_batch = data.train.next_batch(10)
        feed_dict_train = {x: x_batch, y_true: y_true_batch}
        session.run(optimizer, feed_dict=feed_dict_train)


def print_accuracy(images, classes):
    acc = session.run(accuracy, feed_dict={x: images, y_true_cls: classes})
    print(f"Accuracy: {acc:.1%}")


print_accuracy(data.train.images, np.argmax(data.train.labels, axis=1))
optimize(FLAGS.steps)
print_accuracy(data.train.images, np.argmax(data.train.labels, axis=1))
