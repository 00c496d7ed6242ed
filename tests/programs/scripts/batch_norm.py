import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

images = (load_digits().data / 16).astype(np.float32)
labels = np.eye(10, dtype=np.float32)[load_digits().target]
epsilon = 1e-3
np.random.seed(0)
w1_initial = np.random.normal(size=(64, 30)).astype(np.float32)
w2_initial = np.random.normal(size=(30, 30)).astype(np.float32)
w3_initial = np.random.normal(size=(30, 10)).astype(np.float32)


def batch_norm_wrapper(inputs, is_training, decay=0.99):
    scale = tf.Variable(tf.ones([inputs.get_shape()[-1]]))
    beta = tf.Variable(tf.zeros([inputs.get_shape()[-1]]))
    pop_mean = tf.Variable(tf.zeros([inputs.get_shape()[-1]]), trainable=False)
    pop_var = tf.Variable(tf.ones([inputs.get_shape()[-1]]), trainable=False)
    if is_training:
        batch_mean, batch_var = tf.nn.moments(inputs, [0])
        train_mean = tf.assign(pop_mean, pop_mean * decay + batch_mean * (1 - decay))
        train_var = tf.assign(pop_var, pop_var * decay + batch_var * (1 - decay))
        with tf.control_dependencies([train_mean, train_var]):
            return tf.nn.batch_normalization(inputs, batch_mean, batch_var, beta, scale, epsilon)
    else:
        return tf.nn.batch_normalization(inputs, pop_mean, pop_var, beta, scale, epsilon)


def build_graph(is_training):
    x = tf.placeholder(tf.float32, shape=[None, 64])
    y_ = tf.placeholder(tf.float32, shape=[None, 10])
    w1 = tf.Variable(w1_initial)
    z1 = tf.matmul(x, w1)
    bn1 = batch_norm_wrapper(z1, is_training)
    l1 = tf.nn.sigmoid(bn1)
    w2 = tf.Variable(w2_initial)
    z2 = tf.matmul(l1, w2)
    bn2 = batch_norm_wrapper(z2, is_training)
    l2 = tf.nn.sigmoid(bn2)
    w3 = tf.Variable(w3_initial)
    b3 = tf.Variable(tf.zeros([10]))
    y = tf.nn.softmax(tf.matmul(l2, w3))
    cross_entropy = -tf.reduce_sum(y_ * tf.log(y))
    train_step = tf.train.GradientDescentOptimizer(0.01).minimize(cross_entropy)
    correct_prediction = tf.equal(tf.arg_max(y, 1), tf.arg_max(y_, 1))
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))
    return (x, y_), train_step, accuracy, y


tf.reset_default_graph()
(x, y_), train_step, accuracy, y = build_graph(is_training=True)
acc = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    rng = np.random.RandomState(0)
    for i in range(200):
        k = rng.randint(0, 1500, 60)
        train_step.run(feed_dict={x: images[k], y_: labels[k]})
        if i % 50 == 0:
            res = sess.run([accuracy], feed_dict={x: images[1500:], y_: labels[1500:]})
            acc.append(res[0])
    trained = sess.run(tf.global_variables())
print("Final accuracy:", acc[-1])
tf.reset_default_graph()
(x, y_), _, accuracy, y = build_graph(is_training=False)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for v, value in zip(tf.global_variables(), trained):
        v.load(value, sess)
    predictions = [sess.run(y, feed_dict={x: [images[i]]})[0] for i in range(1500, 1520)]
    alone = np.array(predictions)
    together, test_acc = sess.run([y, accuracy], feed_dict={x: images[1500:], y_: labels[1500:]})
print("test", test_acc)
