import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

digits = load_digits()
images = (digits.images / 16).astype(np.float32)[..., None]
labels = digits.target.astype(np.int32)


def model(features, training, reuse=None):
    with tf.variable_scope("model", reuse=reuse):
        conv1 = tf.layers.conv2d(inputs=features, filters=6, kernel_size=[3, 3], padding="same", activation=tf.nn.relu)
        pool1 = tf.layers.max_pooling2d(inputs=conv1, pool_size=[2, 2], strides=2)
        conv2 = tf.layers.conv2d(pool1, 12, 3, strides=(1, 1), padding="valid", use_bias=False)
        norm = tf.layers.batch_normalization(conv2, momentum=0.9, training=training)
        act = tf.nn.relu(norm)
        pool2 = tf.layers.average_pooling2d(act, 2, 1, padding="same")
        flat = tf.layers.flatten(pool2)
        hidden = tf.layers.dense(flat, 20, activation=tf.nn.tanh)
        dropout = tf.layers.dropout(inputs=hidden, rate=0.0, training=training)
        return tf.layers.dense(inputs=dropout, units=10)


tf.set_random_seed(4)
x = tf.placeholder(tf.float32, shape=(None, 8, 8, 1))
y = tf.placeholder(tf.int32, shape=(None,))
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=model(x, True), labels=y))
logits = model(x, False, reuse=True)
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)

losses = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(40):
        batch = slice(30 * i, 30 * i + 30)
        value, _ = sess.run([loss, train_op], feed_dict={x: images[batch], y: labels[batch]})
        losses.append(value)
        if i == 5:
            after = {v.op.name: v.eval() for v in tf.global_variables()}
    names = [v.name for v in tf.trainable_variables()]
    end = {v.op.name: v.eval() for v in tf.global_variables()}
    predicted = sess.run(logits, {x: images[1500:]})
