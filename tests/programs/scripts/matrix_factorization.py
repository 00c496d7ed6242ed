import numpy as np
import tensorflow as tf

np.random.seed(13575)
BATCH_SIZE = 100
USER_NUM, ITEM_NUM, DIM = 60, 40, 5
EPOCH_MAX = 20
truth = np.random.randn(USER_NUM, 3).dot(np.random.randn(3, ITEM_NUM)) + 3
users = np.random.randint(0, USER_NUM, 2000)
items = np.random.randint(0, ITEM_NUM, 2000)
rates = truth[users, items]


def inference_svd(user_batch, item_batch, user_num, item_num, dim=5, device="/cpu:0"):
    with tf.device("/cpu:0"):
        bias_global = tf.get_variable("bias_global", shape=[])
        w_bias_user = tf.get_variable("embd_bias_user", shape=[user_num])
        w_bias_item = tf.get_variable("embd_bias_item", shape=[item_num])
        bias_user = tf.nn.embedding_lookup(w_bias_user, user_batch, name="bias_user")
        bias_item = tf.nn.embedding_lookup(w_bias_item, item_batch, name="bias_item")
        w_user = tf.get_variable(
            "embd_user", shape=[user_num, dim], initializer=tf.truncated_normal_initializer(stddev=0.02)
        )
        w_item = tf.get_variable(
            "embd_item", shape=[item_num, dim], initializer=tf.truncated_normal_initializer(stddev=0.02)
        )
        embd_user = tf.nn.embedding_lookup(w_user, user_batch, name="embedding_user")
        embd_item = tf.nn.embedding_lookup(w_item, item_batch, name="embedding_item")
    with tf.device(device):
        infer = tf.reduce_sum(tf.multiply(embd_user, embd_item), 1)
        infer = tf.add(infer, bias_global)
        infer = tf.add(infer, bias_user)
        infer = tf.add(infer, bias_item, name="svd_inference")
        regularizer = tf.add(tf.nn.l2_loss(embd_user), tf.nn.l2_loss(embd_item), name="svd_regularizer")
    return infer, regularizer


def optimization(infer, regularizer, rate_batch, learning_rate=0.001, reg=0.1, device="/cpu:0"):
    global_step = tf.train.get_global_step()
    assert global_step is not None
    with tf.device(device):
        cost_l2 = tf.nn.l2_loss(tf.subtract(infer, rate_batch))
        penalty = tf.constant(reg, dtype=tf.float32, shape=[], name="l2")
        cost = tf.add(cost_l2, tf.multiply(regularizer, penalty))
        train_op = tf.train.AdamOptimizer(learning_rate).minimize(cost, global_step=global_step)
    return cost, train_op


user_batch = tf.placeholder(tf.int32, shape=[None], name="id_user")
item_batch = tf.placeholder(tf.int32, shape=[None], name="id_item")
rate_batch = tf.placeholder(tf.float32, shape=[None])
infer, regularizer = inference_svd(user_batch, item_batch, user_num=USER_NUM, item_num=ITEM_NUM, dim=DIM)
global_step = (
    tf.contrib.framework.get_or_create_global_step()
    if hasattr(tf.contrib, "framework")
    else tf.train.get_or_create_global_step()
)
cost, train_op = optimization(infer, regularizer, rate_batch, learning_rate=0.01, reg=0.05)
init_op = tf.global_variables_initializer()
history = []
with tf.Session() as sess:
    sess.run(init_op)
    for i in range(EPOCH_MAX):
        order = np.random.permutation(2000)
        errors = []
        for k in range(0, 2000, BATCH_SIZE):
            j = order[k : k + BATCH_SIZE]
            _, pred_batch = sess.run(
                [train_op, infer], feed_dict={user_batch: users[j], item_batch: items[j], rate_batch: rates[j]}
            )
            errors.append(np.power(pred_batch - rates[j], 2))
        history.append(np.sqrt(np.mean(errors)))
    print(history[0], history[-1], sess.run(global_step))
    w = {v.op.name: sess.run(v) for v in tf.trainable_variables()}
