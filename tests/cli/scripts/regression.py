import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

ops.reset_default_graph()


def main():
    np.random.seed(1)
    x_vals = np.random.normal(1, 0.1, 100)
    y_vals = np.repeat(10.0, 100)

    x_data = tf.placeholder(shape=[1], dtype=tf.float32)
    y_target = tf.placeholder(shape=[1], dtype=tf.float32)
    A = tf.Variable(tf.random_normal(shape=[1]))
    my_output = tf.multiply(x_data, A)
    loss = tf.square(my_output - y_target)
    train_step = tf.train.GradientDescentOptimizer(0.02).minimize(loss)

    sess = tf.InteractiveSession()
    tf.global_variables_initializer().run()
    losses = []
    for _ in range(100):
        rand_index = np.random.choice(100)
        rand_x = [x_vals[rand_index]]
        rand_y = [y_vals[rand_index]]
        _, temp_loss = sess.run([train_step, loss], feed_dict={x_data: rand_x, y_target: rand_y})
        losses.append(temp_loss[0])
    print("A =", A.eval()[0])
    plt.plot(losses)
    plt.show()
    plt.close("all")


if __name__ == "__main__":
    main()
