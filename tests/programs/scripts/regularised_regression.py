import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from sklearn import datasets
from tensorflow.python.framework import ops

ops.reset_default_graph()

sess = tf.Session()
iris = datasets.load_iris()
x_vals = np.array([x[3] for x in iris.data])
y_vals = np.array([y[0] for y in iris.data])
batch_size = 50
seed = 13
np.random.seed(seed)
tf.set_random_seed(seed)

x_data = tf.placeholder(shape=[None, 1], dtype=tf.float32)
y_target = tf.placeholder(shape=[None, 1], dtype=tf.float32)
A = tf.Variable(tf.random_normal(shape=[1, 1]))
b = tf.Variable(tf.random_normal(shape=[1, 1]))
model_output = tf.add(tf.matmul(x_data, A), b)

ridge_param = tf.constant(1.0)
ridge_loss = tf.reduce_mean(tf.square(A))
loss = tf.expand_dims(
    tf.add(tf.reduce_mean(tf.square(y_target - model_output)), tf.multiply(ridge_param, ridge_loss)), 0
)
# heavy-side lasso
lasso_param = tf.constant(0.9)
heavyside_step = tf.truediv(1.0, tf.add(1.0, tf.exp(tf.multiply(-50.0, tf.subtract(A, lasso_param)))))
lasso_loss = tf.add(tf.reduce_mean(tf.square(y_target - model_output)), tf.multiply(heavyside_step, 99.0))
elastic_param1 = tf.constant(1.0)
elastic_param2 = tf.constant(1.0)
l1_a_loss = tf.reduce_mean(tf.abs(A))
l2_a_loss = tf.reduce_mean(tf.square(A))
e1_term = tf.multiply(elastic_param1, l1_a_loss)
e2_term = tf.multiply(elastic_param2, l2_a_loss)
elastic = tf.expand_dims(tf.add(tf.add(tf.reduce_mean(tf.square(y_target - model_output)), e1_term), e2_term), 0)
deming_numerator = tf.abs(tf.subtract(tf.add(tf.matmul(x_data, A), b), y_target))
deming_denominator = tf.sqrt(tf.add(tf.square(A), 1))
deming = tf.reduce_mean(tf.truediv(deming_numerator, deming_denominator))

my_opt = tf.train.GradientDescentOptimizer(0.001)
train_step = my_opt.minimize(loss)
train_lasso = my_opt.minimize(lasso_loss)
train_elastic = my_opt.minimize(elastic)
train_deming = my_opt.minimize(deming)
init = tf.global_variables_initializer()
sess.run(init)

loss_vec = []
steps = [
    ("ridge", train_step, loss),
    ("lasso", train_lasso, lasso_loss),
    ("elastic", train_elastic, elastic),
    ("deming", train_deming, deming),
]
for name, step, what in steps:
    for i in range(30):
        rand_index = np.random.choice(len(x_vals), size=batch_size)
        rand_x = np.transpose([x_vals[rand_index]])
        rand_y = np.transpose([y_vals[rand_index]])
        sess.run(step, feed_dict={x_data: rand_x, y_target: rand_y})
        temp_loss = sess.run(what, feed_dict={x_data: rand_x, y_target: rand_y})
        loss_vec.append(np.ravel(temp_loss)[0])
        if (i + 1) % 15 == 0:
            print(name, "Step #" + str(i + 1) + " A = " + str(sess.run(A)) + " b = " + str(sess.run(b)))
            print("Loss = " + str(temp_loss))
[slope] = sess.run(A)
[y_intercept] = sess.run(b)
best_fit = [slope * i + y_intercept for i in x_vals]
plt.plot(x_vals, y_vals, "o")
plt.plot(x_vals, best_fit, "r-")
plt.show()
