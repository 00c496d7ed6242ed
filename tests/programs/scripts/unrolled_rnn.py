import numpy as np
import tensorflow as tf

num_epochs, total_series_length, truncated_backprop_length = 2, 5000, 15
state_size, num_classes, echo_step, batch_size = 4, 2, 3, 5
num_batches = total_series_length // batch_size // truncated_backprop_length
np.random.seed(0)


def generateData():
    x = np.array(np.random.choice(2, total_series_length, p=[0.5, 0.5]))
    y = np.roll(x, echo_step)
    y[0:echo_step] = 0
    return x.reshape((batch_size, -1)), y.reshape((batch_size, -1))


batchX_placeholder = tf.placeholder(tf.float32, [batch_size, truncated_backprop_length])
batchY_placeholder = tf.placeholder(tf.int32, [batch_size, truncated_backprop_length])
init_state = tf.placeholder(tf.float32, [batch_size, state_size])
W = tf.Variable(np.random.rand(state_size + 1, state_size), dtype=tf.float32)
b = tf.Variable(np.zeros((1, state_size)), dtype=tf.float32)
W2 = tf.Variable(np.random.rand(state_size, num_classes), dtype=tf.float32)
b2 = tf.Variable(np.zeros((1, num_classes)), dtype=tf.float32)
inputs_series = tf.unstack(batchX_placeholder, axis=1)
labels_series = tf.unstack(batchY_placeholder, axis=1)
current_state = init_state
states_series = []
for current_input in inputs_series:
    current_input = tf.reshape(current_input, [batch_size, 1])
    input_and_state_concatenated = tf.concat([current_input, current_state], 1)
    next_state = tf.tanh(tf.matmul(input_and_state_concatenated, W) + b)
    states_series.append(next_state)
    current_state = next_state
logits_series = [tf.matmul(state, W2) + b2 for state in states_series]
predictions_series = [tf.nn.softmax(logits) for logits in logits_series]
losses = [
    tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels)
    for logits, labels in zip(logits_series, labels_series)
]
total_loss = tf.reduce_mean(losses)
optimizer = tf.train.AdagradOptimizer(0.3)
grads_and_vars = optimizer.compute_gradients(total_loss)
capped = [(tf.clip_by_value(g, -1.0, 1.0), v) for g, v in grads_and_vars]
train_step = optimizer.apply_gradients(capped)
loss_list = []
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for epoch_idx in range(num_epochs):
        x, y = generateData()
        _current_state = np.zeros((batch_size, state_size))
        for batch_idx in range(num_batches):
            start_idx = batch_idx * truncated_backprop_length
            end_idx = start_idx + truncated_backprop_length
            _total_loss, _train_step, _current_state, _predictions_series = sess.run(
                [total_loss, train_step, current_state, predictions_series],
                feed_dict={
                    batchX_placeholder: x[:, start_idx:end_idx],
                    batchY_placeholder: y[:, start_idx:end_idx],
                    init_state: _current_state,
                },
            )
            loss_list.append(_total_loss)
print(loss_list[0], loss_list[-1])
