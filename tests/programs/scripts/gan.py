import numpy as np
import tensorflow as tf

tf.set_random_seed(1)
np.random.seed(1)
BATCH_SIZE, N_IDEAS, ART_COMPONENTS = 64, 5, 15
PAINT_POINTS = np.vstack([np.linspace(-1, 1, ART_COMPONENTS) for _ in range(BATCH_SIZE)])


def artist_works():
    a = np.random.uniform(1, 2, size=BATCH_SIZE)[:, np.newaxis]
    return a * np.power(PAINT_POINTS, 2) + (a - 1)


def dense(x, n, name, activation=None):
    with tf.variable_scope(name):
        w = tf.get_variable("w", [int(x.shape[-1]), n], initializer=tf.glorot_uniform_initializer())
        b = tf.get_variable("b", [n], initializer=tf.zeros_initializer())
    h = tf.matmul(x, w) + b
    return activation(h) if activation is not None else h


with tf.variable_scope("Generator"):
    G_in = tf.placeholder(tf.float32, [None, N_IDEAS])
    G_l1 = dense(G_in, 128, "l1", tf.nn.relu)
    G_out = dense(G_l1, ART_COMPONENTS, "l2")


def discriminator(x, reuse=None):
    with tf.variable_scope("Discriminator", reuse=reuse):
        l0 = dense(x, 128, "l", tf.nn.relu)
        return dense(l0, 1, "out", tf.nn.sigmoid)


real_art = tf.placeholder(tf.float32, [None, ART_COMPONENTS], name="real_in")
prob_artist0 = discriminator(real_art)
prob_artist1 = discriminator(G_out, reuse=True)
D_loss = -tf.reduce_mean(tf.log(prob_artist0) + tf.log(1 - prob_artist1))
G_loss = tf.reduce_mean(tf.log(1 - prob_artist1))
train_D = tf.train.AdamOptimizer(0.0001).minimize(
    D_loss, var_list=tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="Discriminator")
)
train_G = tf.train.AdamOptimizer(0.0001).minimize(
    G_loss, var_list=tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="Generator")
)
sess = tf.Session()
sess.run(tf.global_variables_initializer())
losses = []
for step in range(60):
    artist_paintings = artist_works()
    G_ideas = np.random.randn(BATCH_SIZE, N_IDEAS)
    G_paintings, pa0, Dl = sess.run(
        [G_out, prob_artist0, D_loss, train_D, train_G], {G_in: G_ideas, real_art: artist_paintings}
    )[:3]
    losses.append(Dl)
print(losses[0], losses[-1], pa0.mean())
