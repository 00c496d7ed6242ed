import collections
import math
import random

import numpy as np
import tensorflow as tf

words = [
    "the",
    "king",
    "rules",
    "the",
    "land",
    "and",
    "the",
    "queen",
    "rules",
    "the",
    "land",
    "while",
    "the",
    "dog",
    "chases",
    "the",
    "cat",
    "and",
    "the",
    "cat",
    "chases",
    "the",
    "mouse",
    "in",
    "the",
    "house",
    "of",
    "the",
    "king",
    "and",
    "the",
    "queen",
] * 20
count = collections.Counter(words).most_common()
dictionary = {w: i for i, (w, _) in enumerate(count)}
reverse_dictionary = dict(zip(dictionary.values(), dictionary.keys()))
data = [dictionary[w] for w in words]
vocabulary_size = len(dictionary)
data_index = 0
np.random.seed(0)
random.seed(0)


def generate_batch(batch_size, num_skips, skip_window):
    global data_index
    batch = np.ndarray(shape=(batch_size), dtype=np.int32)
    labels = np.ndarray(shape=(batch_size, 1), dtype=np.int32)
    span = 2 * skip_window + 1
    buffer = collections.deque(maxlen=span)
    for _ in range(span):
        buffer.append(data[data_index])
        data_index = (data_index + 1) % len(data)
    for i in range(batch_size // num_skips):
        target = skip_window
        targets_to_avoid = [skip_window]
        for j in range(num_skips):
            while target in targets_to_avoid:
                target = random.randint(0, span - 1)
            targets_to_avoid.append(target)
            batch[i * num_skips + j] = buffer[skip_window]
            labels[i * num_skips + j, 0] = buffer[target]
        buffer.append(data[data_index])
        data_index = (data_index + 1) % len(data)
    return batch, labels


batch_size, embedding_size, skip_window, num_skips = 64, 32, 1, 2
valid_examples = np.array([0, 1, 2, 3])
graph = tf.Graph()
with graph.as_default():
    tf.set_random_seed(1)
    train_inputs = tf.placeholder(tf.int32, shape=[batch_size])
    train_labels = tf.placeholder(tf.int32, shape=[batch_size, 1])
    valid_dataset = tf.constant(valid_examples, dtype=tf.int32)
    with tf.device("/cpu:0"):
        embeddings = tf.Variable(tf.random_uniform([vocabulary_size, embedding_size], -1.0, 1.0))
        embed = tf.nn.embedding_lookup(embeddings, train_inputs)
        nce_weights = tf.Variable(
            tf.truncated_normal([vocabulary_size, embedding_size], stddev=1.0 / math.sqrt(embedding_size))
        )
        nce_biases = tf.Variable(tf.zeros([vocabulary_size]))
    logits = tf.matmul(embed, nce_weights, transpose_b=True) + nce_biases
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.squeeze(train_labels, [1]), logits=logits)
    )
    optimizer = tf.train.GradientDescentOptimizer(1.0).minimize(loss)
    norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keep_dims=True))
    normalized_embeddings = embeddings / norm
    valid_embeddings = tf.nn.embedding_lookup(normalized_embeddings, valid_dataset)
    similarity = tf.matmul(valid_embeddings, normalized_embeddings, transpose_b=True)
    init = tf.global_variables_initializer()

num_steps = 401
losses = []
with tf.Session(graph=graph) as session:
    init.run()
    print("Initialized")
    average_loss = 0
    for step in range(num_steps):
        batch_inputs, batch_labels = generate_batch(batch_size, num_skips, skip_window)
        feed_dict = {train_inputs: batch_inputs, train_labels: batch_labels}
        _, loss_val = session.run([optimizer, loss], feed_dict=feed_dict)
        average_loss += loss_val
        losses.append(loss_val)
        if step % 200 == 0:
            print("Average loss at step ", step, ": ", average_loss)
            average_loss = 0
            sim = similarity.eval()
            for i in range(4):
                top_k = 3
                nearest = (-sim[i, :]).argsort()[1 : top_k + 1]
                print(
                    "Nearest to %s: %s"
                    % (reverse_dictionary[valid_examples[i]], ", ".join(reverse_dictionary[k] for k in nearest))
                )
    final_embeddings = normalized_embeddings.eval()
