import numpy as np
import tensorflow as tf

np.random.seed(0)
tf.set_random_seed(4)
B, T, D, HEADS = 16, 12, 32, 4
x = tf.placeholder(tf.float32, [None, T, D])
y = tf.placeholder(tf.int32, [None])


def dense3(h, n, name):
    with tf.variable_scope(name):
        w = tf.get_variable("w", [D, n], initializer=tf.contrib.layers.xavier_initializer())
        b = tf.get_variable("b", [n], initializer=tf.zeros_initializer())
    flat = tf.reshape(h, [-1, D])
    return tf.reshape(tf.matmul(flat, w) + b, [-1, T, n])


def heads(h):
    return tf.transpose(tf.reshape(h, [-1, T, HEADS, D // HEADS]), [0, 2, 1, 3])


def layer_norm(h, name):
    with tf.variable_scope(name):
        g = tf.get_variable("g", [D], initializer=tf.ones_initializer())
        b = tf.get_variable("b", [D], initializer=tf.zeros_initializer())
    mean, var = tf.nn.moments(h, [-1], keep_dims=True)
    return (h - mean) * tf.rsqrt(var + 1e-5) * g + b


def block(h, name):
    with tf.variable_scope(name):
        q, k, v = heads(dense3(h, D, "q")), heads(dense3(h, D, "k")), heads(dense3(h, D, "v"))
        score = tf.matmul(q, k, transpose_b=True) / tf.sqrt(float(D // HEADS))
        weights = tf.nn.softmax(score)
        mixed = tf.reshape(tf.transpose(tf.matmul(weights, v), [0, 2, 1, 3]), [-1, T, D])
        h = layer_norm(h + dense3(mixed, D, "o"), "ln1")
        return layer_norm(h + tf.nn.relu(dense3(h, D, "ff")), "ln2"), weights


h, _ = block(x, "block1")
h, weights = block(h, "block2")
pooled = tf.reduce_mean(h, 1)
logits = tf.matmul(pooled, tf.get_variable("wo", [D, 3])) + tf.get_variable(
    "bo", [3], initializer=tf.zeros_initializer()
)
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=y))
opt = tf.train.AdamOptimizer(0.003)
gv = opt.compute_gradients(loss)
grads, norm = tf.clip_by_global_norm([g for g, _ in gv], 1.0)
train = opt.apply_gradients(list(zip(grads, [v for _, v in gv])))
X = np.random.randn(200, T, D)
Y = X[:, :, 0].argmax(1) % 3
losses = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    first = sess.run(grads + [logits, weights], {x: X[:16], y: Y[:16]})
    params = {v.op.name: sess.run(v) for v in tf.trainable_variables()}
    for i in range(20):
        k = (i * B) % 192
        l, n, _ = sess.run([loss, norm, train], {x: X[k : k + B], y: Y[k : k + B]})
        losses.append(l)
print(losses[0], losses[-1], n)
