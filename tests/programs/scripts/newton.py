import tensorflow as tf

x = tf.Variable(3.0, dtype=tf.float64)
f = x**4 - 3 * x**3 + 2
g = tf.gradients(f, x)[0]
h = tf.gradients(g, x)[0]
step = tf.assign(x, x - g / h)
# square root by Newton
target = tf.placeholder(tf.float32, [])
guess = tf.Variable(1.0)
root = guess.assign(0.5 * (guess + target / guess))
# Rosenbrock by gradient descent with hand made momentum
p = tf.Variable([-1.2, 1.0], dtype=tf.float32)
m = tf.Variable(tf.zeros([2]))
rosen = tf.square(1.0 - p[0]) + 100.0 * tf.square(p[1] - tf.square(p[0]))
[grad] = tf.gradients(rosen, [p])
H = tf.stack([tf.gradients(grad[i], p)[0] for i in range(2)])
new_m = tf.assign(m, 0.9 * m + grad)
descend = tf.assign_sub(p, 0.0005 * new_m)
path = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(12):
        print(i, sess.run([x, f, g, h]))
        sess.run(step)
    xs = sess.run(x)
    for i in range(8):
        sess.run(root, {target: 2})
    r = sess.run(guess)
    h0 = sess.run(H)
    for i in range(200):
        path.append(sess.run(descend))
    end = sess.run([p, rosen])
print(xs, r, h0, end)
