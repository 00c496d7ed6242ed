import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

digits = load_digits()
data = (digits.data / 16).astype("float32")
target = digits.target


class Siamese:
    def __init__(self):
        self.x1 = tf.placeholder(tf.float32, [None, 64])
        self.x2 = tf.placeholder(tf.float32, [None, 64])
        with tf.variable_scope("siamese") as scope:
            self.o1 = self.network(self.x1)
            scope.reuse_variables()
            self.o2 = self.network(self.x2)
        self.y_ = tf.placeholder(tf.float32, [None])
        self.loss = self.loss_with_spring()

    def network(self, x):
        fc1 = self.fc_layer(x, 32, "fc1")
        ac1 = tf.nn.relu(fc1)
        fc2 = self.fc_layer(ac1, 32, "fc2")
        ac2 = tf.nn.relu(fc2)
        return self.fc_layer(ac2, 2, "fc3")

    def fc_layer(self, bottom, n_weight, name):
        assert len(bottom.get_shape()) == 2
        n_prev_weight = bottom.get_shape()[1]
        initer = tf.truncated_normal_initializer(stddev=0.1)
        W = tf.get_variable(name + "W", dtype=tf.float32, shape=[n_prev_weight, n_weight], initializer=initer)
        b = tf.get_variable(
            name + "b", dtype=tf.float32, initializer=tf.constant(0.01, shape=[n_weight], dtype=tf.float32)
        )
        return tf.nn.bias_add(tf.matmul(bottom, W), b)

    def loss_with_spring(self):
        margin = 5.0
        labels_t = self.y_
        labels_f = tf.subtract(1.0, self.y_, name="1-yi")
        eucd2 = tf.pow(tf.subtract(self.o1, self.o2), 2)
        eucd2 = tf.reduce_sum(eucd2, 1)
        eucd = tf.sqrt(eucd2 + 1e-6, name="eucd")
        C = tf.constant(margin, name="C")
        pos = tf.multiply(labels_t, eucd2, name="yi_x_eucd2")
        neg = tf.multiply(labels_f, tf.pow(tf.maximum(tf.subtract(C, eucd), 0), 2), name="Nyi_x_C-eucd_xx_2")
        losses = tf.add(pos, neg, name="losses")
        return tf.reduce_mean(losses, name="loss")


sess = tf.InteractiveSession()
tf.set_random_seed(5)
siamese = Siamese()
train_step = tf.train.GradientDescentOptimizer(0.01).minimize(siamese.loss)
tf.initialize_all_variables().run()
rng = np.random.RandomState(2)
losses = []
for step in range(300):
    i1, i2 = rng.randint(0, 1500, 64), rng.randint(0, 1500, 64)
    batch_y = (target[i1] == target[i2]).astype("float")
    _, loss_v = sess.run(
        [train_step, siamese.loss], feed_dict={siamese.x1: data[i1], siamese.x2: data[i2], siamese.y_: batch_y}
    )
    if np.isnan(loss_v):
        print("Model diverged with loss = NaN")
        quit()
    losses.append(loss_v)
    if step % 100 == 0:
        print("step %d: loss %.3f" % (step, loss_v))
embed = siamese.o1.eval({siamese.x1: data})
print(embed.shape, [v.name for v in tf.trainable_variables()])
