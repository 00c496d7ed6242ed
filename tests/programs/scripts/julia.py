import numpy as np
import tensorflow as tf

W, H, STEPS = 200, 150, 30


def grid():
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, W, dtype=np.float32), np.linspace(-1, 1, H, dtype=np.float32))
    return x, y


gx, gy = grid()
c = (-0.8, 0.156)
with tf.Session() as sess:
    zr = tf.Variable(gx, name="zr")
    zi = tf.Variable(gy, name="zi")
    age = tf.Variable(tf.zeros([H, W], tf.int32), name="age")
    # Several iterations in one run, each after the other.
    last = tf.no_op()
    for k in range(5):
        with tf.control_dependencies([last]):
            r, i = zr.read_value(), zi.read_value()
            inside = tf.less(r * r + i * i, 4.0)
            new_r, new_i = r * r - i * i + c[0], 2 * r * i + c[1]
        with tf.control_dependencies([new_r, new_i, inside]):
            last = tf.group(
                tf.assign(zr, tf.where(inside, new_r, r)),
                tf.assign(zi, tf.where(inside, new_i, i)),
                tf.assign_add(age, tf.cast(inside, tf.int32)),
            )
    sess.run(tf.global_variables_initializer())
    for _ in range(STEPS // 5):
        sess.run(last)
    ages = sess.run(age)
print(ages.sum(), ages.max())
