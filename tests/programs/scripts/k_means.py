import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

num_vectors, num_clusters, num_steps = 1000, 3, 50
np.random.seed(0)
x_values, y_values = [], []
for i in range(num_vectors):
    if np.random.random() > 0.5:
        x_values.append(np.random.normal(0.4, 0.7))
        y_values.append(np.random.normal(0.2, 0.8))
    else:
        x_values.append(np.random.normal(0.6, 0.4))
        y_values.append(np.random.normal(0.8, 0.5))
vector_values = list(zip(x_values, y_values))
vectors = tf.constant(vector_values)
n_samples = tf.shape(vector_values)[0]
centroids = tf.Variable(tf.slice(vectors, [0, 0], [num_clusters, -1]))
expanded_vectors = tf.expand_dims(vectors, 0)
expanded_centroids = tf.expand_dims(centroids, 1)
print(expanded_vectors.get_shape(), expanded_centroids.get_shape())
vectors_subtration = tf.subtract(expanded_vectors, expanded_centroids)
euclidean_distances = tf.reduce_sum(tf.square(vectors_subtration), 2)
assignments = tf.to_int32(tf.argmin(euclidean_distances, 0))
members = tf.one_hot(assignments, num_clusters)
sums = tf.matmul(members, vectors, transpose_a=True)
counts = tf.reduce_sum(members, 0)
new_centroids = sums / tf.expand_dims(tf.maximum(counts, 1), 1)
means = tf.concat(
    [
        tf.reduce_sum(tf.where(tf.equal(assignments, c), vectors, tf.zeros_like(vectors)), 0, keep_dims=True)
        / tf.maximum(tf.reduce_sum(tf.cast(tf.equal(assignments, c), tf.float32)), 1.0)
        for c in range(num_clusters)
    ],
    0,
)
update_centroids = tf.assign(centroids, new_centroids)
init_op = tf.global_variables_initializer()
sess = tf.Session()
sess.run(init_op)
for step in range(num_steps):
    m, _, centroid_values, assignment_values = sess.run([means, update_centroids, centroids, assignments])
final_centroids = sess.run(centroids)
print(final_centroids, np.bincount(assignment_values))
plt.scatter(x_values, y_values, c=assignment_values)
plt.plot(final_centroids[:, 0], final_centroids[:, 1], "kx", markersize=15)
plt.show()
