import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf


class Net:
    def __init__(self, opt):
        self.x = tf.placeholder(tf.float32, [None, 1])
        self.y = tf.placeholder(tf.float32, [None, 1])
        self.w1 = tf.Variable(np.linspace(-1, 1, 20).reshape(1, 20), dtype=tf.float32)
        self.b1 = tf.Variable(tf.zeros([20]))
        self.w2 = tf.Variable(np.linspace(-0.5, 1, 20).reshape(20, 1).astype(np.float32))
        self.b2 = tf.Variable(tf.zeros([1]))
        l = tf.nn.elu(tf.matmul(self.x, self.w1) + self.b1)
        self.out = tf.matmul(l, self.w2) + self.b2
        self.loss = tf.reduce_mean(tf.square(self.out - self.y))
        self.params = [self.w1, self.b1, self.w2, self.b2]
        self.train = opt.minimize(self.loss, var_list=self.params)


LR = 0.02
np.random.seed(1)
x = np.linspace(-1, 1, 128)[:, np.newaxis]
y = np.power(x, 2) + np.random.normal(0, 0.1, size=x.shape)
opts = [
    ("sgd", tf.train.GradientDescentOptimizer(LR)),
    ("momentum", tf.train.MomentumOptimizer(LR, momentum=0.9)),
    ("nesterov", tf.train.MomentumOptimizer(LR, momentum=0.9, use_nesterov=True)),
    ("adagrad", tf.train.AdagradOptimizer(LR)),
    ("rmsprop", tf.train.RMSPropOptimizer(LR, decay=0.9)),
    ("rmsprop_m", tf.train.RMSPropOptimizer(LR, decay=0.9, momentum=0.5, centered=True)),
    ("adam", tf.train.AdamOptimizer(LR, beta1=0.9, beta2=0.99)),
]
nets = [Net(o) for _, o in opts]
sess = tf.Session()
sess.run(tf.global_variables_initializer())
record = [[] for _ in nets]
for epoch in range(4):
    for step in range(4):
        b_x, b_y = x[step * 32 : (step + 1) * 32], y[step * 32 : (step + 1) * 32]
        for net, l in zip(nets, record):
            _, loss = sess.run([net.train, net.loss], {net.x: b_x, net.y: b_y})
            l.append(loss)
finals = {name: sess.run(net.params) for (name, _), net in zip(opts, nets)}
for (name, _), l in zip(opts, record):
    plt.plot(l, label=name)
    print(name, l[0], l[-1])
plt.legend(loc="best")
plt.show()
