import tensorflow as tf
from matplotlib import pyplot as plt

shape = (50, 50)
session = tf.InteractiveSession()
initial_board = tf.random_uniform(shape, minval=0, maxval=2, dtype=tf.int32, seed=11)
board_var = tf.Variable(initial_board)
padded = tf.pad(board_var, [[1, 1], [1, 1]])
neighbours = tf.add_n([tf.slice(padded, [i, j], [50, 50]) for i in range(3) for j in range(3) if (i, j) != (1, 1)])
alive = tf.equal(board_var, 1)
born = tf.equal(neighbours, 3)
survives = tf.logical_and(alive, tf.equal(neighbours, 2))
new_board = tf.cast(tf.logical_or(born, survives), tf.int32)
board_update = tf.assign(board_var, new_board)
session.run(tf.global_variables_initializer())
boards = [board_var.eval()]
fig = plt.figure()
plot = plt.imshow(boards[0], cmap="Greys", interpolation="nearest")
for _ in range(30):
    boards.append(session.run(board_update))
    plot.set_array(boards[-1])

# on a torus
torus = tf.placeholder(tf.int32, shape=shape, name="board")


def roll(t, dy, dx):
    t = tf.concat([t[dy:], t[:dy]], 0) if dy else t
    return tf.concat([t[:, dx:], t[:, :dx]], 1) if dx else t


around = sum(roll(torus, dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
nxt = tf.where(
    (around > 3) | (around < 2), tf.zeros_like(torus), tf.where(tf.equal(around, 3), tf.ones_like(torus), torus)
)
X = boards[0]
rolled = []
for _ in range(20):
    X = session.run(nxt, feed_dict={torus: X})
    rolled.append(X)
print(boards[-1].sum(), X.sum())
