"""Next words from a decoder with causal attention, one after another, for texts of several lengths at once."""

import numpy as np
import tensorflow as tf

tf.set_random_seed(7)
WORDS, D, HEADS, LONGEST = 23, 24, 3, 40

words = tf.placeholder(tf.int32, [None, None])
lengths = tf.placeholder(tf.int32, [None])


def dense(x, n, name):
    with tf.variable_scope(name):
        w = tf.get_variable("w", [D, n], initializer=tf.random_normal_initializer(stddev=0.3))
    shape = tf.shape(x)
    return tf.reshape(tf.matmul(tf.reshape(x, [-1, D]), w), [shape[0], shape[1], n])


def heads(x):
    shape = tf.shape(x)
    return tf.transpose(tf.reshape(x, [shape[0], shape[1], HEADS, D // HEADS]), [0, 2, 1, 3])


def attention(x, mask):
    q, k, v = (heads(dense(x, D, name)) for name in "qkv")
    scores = tf.matmul(q, k, transpose_b=True) / np.sqrt(D // HEADS).astype(np.float32)
    causal = tf.less_equal(tf.range(tf.shape(x)[1])[None, :], tf.range(tf.shape(x)[1])[:, None])
    scores = tf.where(tf.broadcast_to(causal, tf.shape(scores)), scores, tf.fill(tf.shape(scores), -1e9)) + mask
    mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), v), [0, 2, 1, 3])
    return dense(tf.reshape(mixed, tf.shape(x)), D, "o")


embedding = tf.get_variable("embedding", [WORDS, D], initializer=tf.random_normal_initializer())
places = tf.get_variable("places", [LONGEST, D], initializer=tf.random_normal_initializer())
steps = tf.range(tf.shape(words)[1])
there = tf.cast(tf.less(steps[None, :], lengths[:, None]), tf.float32)
mask = (there[:, None, None, :] - 1.0) * 1e9
x = tf.nn.embedding_lookup(embedding, words) + places[: tf.shape(words)[1]]
for block in ("block1", "block2"):
    with tf.variable_scope(block):
        x += attention(x, mask)
        x += tf.nn.relu(dense(x, D, "feed"))
logits = tf.reshape(tf.matmul(tf.reshape(x, [-1, D]), embedding, transpose_b=True), [tf.shape(x)[0], -1, WORDS])

texts = np.random.RandomState(0).randint(0, WORDS, [4, 6])
sizes = np.array([6, 3, 1, 5], np.int32)
rounds = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    params = {v.op.name: sess.run(v) for v in tf.trainable_variables()}
    for _ in range(9):
        out = sess.run(logits, {words: texts, lengths: sizes})
        rounds.append((texts.copy(), sizes.copy(), out))
        following = out[np.arange(4), sizes - 1].argmax(-1)
        texts = np.concatenate([texts, np.zeros([4, 1], texts.dtype)], 1)
        texts[np.arange(4), sizes] = following
        sizes += 1
