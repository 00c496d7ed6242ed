import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

digits = load_digits()
images = (digits.data / 16.0).astype(np.float32)
labels = np.eye(10)[digits.target]


def weight_variable(shape):
    initial = tf.truncated_normal(shape, stddev=0.1)
    return tf.Variable(initial)


def bias_variable(shape):
    initial = tf.constant(0.1, shape=shape)
    return tf.Variable(initial)


tf.set_random_seed(1)
sess = tf.InteractiveSession()
x = tf.placeholder(tf.float32, shape=[None, 64])
y_ = tf.placeholder(tf.float32, shape=[None, 10])
keep_prob = tf.placeholder(tf.float32)

W_fc1 = weight_variable([64, 100])
b_fc1 = bias_variable([100])
h_fc1 = tf.nn.relu(tf.matmul(x, W_fc1) + b_fc1)
h_fc1_drop = tf.nn.dropout(h_fc1, keep_prob)
W_fc2 = weight_variable([100, 50])
b_fc2 = bias_variable([50])
h_fc2 = tf.nn.relu(tf.matmul(h_fc1_drop, W_fc2) + b_fc2)
h_fc2_drop = tf.nn.dropout(h_fc2, keep_prob)
W_out = weight_variable([50, 10])
b_out = bias_variable([10])
y_conv = tf.matmul(h_fc2_drop, W_out) + b_out

cross_entropy = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y_conv))
train_step = tf.train.AdamOptimizer(1e-3).minimize(cross_entropy)
correct_prediction = tf.equal(tf.argmax(y_conv, 1), tf.argmax(y_, 1))
accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))
sess.run(tf.global_variables_initializer())
rng = np.random.RandomState(0)
for i in range(300):
    batch = rng.choice(1500, 50, replace=False)
    if i % 100 == 0:
        train_accuracy = accuracy.eval(feed_dict={x: images[batch], y_: labels[batch], keep_prob: 1.0})
        print("step %d, training accuracy %g" % (i, train_accuracy))
    train_step.run(feed_dict={x: images[batch], y_: labels[batch], keep_prob: 0.5})
test_accuracy = accuracy.eval(feed_dict={x: images[1500:], y_: labels[1500:], keep_prob: 1.0})
print("test accuracy %g" % test_accuracy)
out = y_conv.eval(feed_dict={x: images[1500:], keep_prob: 1.0})
weights = [v.eval() for v in (W_fc1, b_fc1, W_fc2, b_fc2, W_out, b_out)]
