import tensorflow as tf

flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_float("learning_rate", 0.05, "Initial learning rate.")
flags.DEFINE_integer("max_steps", 100, "Number of steps to run trainer.")
flags.DEFINE_string("train_dir", "/tmp/data", "Directory to put the training data.")
flags.DEFINE_boolean("fake_data", False, "If true, uses fake data.")
tf.flags.DEFINE_bool("verbose", True, "talk")

tf.logging.set_verbosity(tf.logging.INFO)


def run_training():
    x = tf.placeholder(tf.float32, [None])
    w = tf.Variable(0.0)
    loss = tf.reduce_mean(tf.square(w * x - 3 * x))
    train = tf.train.GradientDescentOptimizer(FLAGS.learning_rate).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(FLAGS.max_steps):
            sess.run(train, {x: [1.0, 2.0]})
        tf.logging.info("done")
        return sess.run(w)


def main(_):
    print(FLAGS.train_dir, FLAGS.fake_data, FLAGS.verbose, FLAGS.max_steps, _)
    print("w = %.4f" % run_training())


if __name__ == "__main__":
    tf.app.run()
