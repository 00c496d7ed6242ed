import tensorflow as tf

x = tf.placeholder(tf.float32, name="X")
y = tf.placeholder(tf.float32, [None, 3], name="Y")
z = tf.add(x, y, name="z")
number = 3
