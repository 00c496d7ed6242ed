import numpy as np
import tensorflow as tf

np.random.seed(7)
tf.set_random_seed(7)
GAMMA = 0.95


class Corridor:
    """Walk right to the end for reward."""

    def reset(self):
        self.x, self.t = 0, 0
        return self._obs()

    def _obs(self):
        return np.array([self.x / 4.0, self.t / 20.0, 1.0, -self.x / 2.0])

    def step(self, a):
        self.x = max(-4, min(4, self.x + (1 if a == 1 else -1)))
        self.t += 1
        done = self.t >= 20 or self.x == 4
        return self._obs(), (1.0 if self.x == 4 else -0.05), done


class PolicyGradient:
    def __init__(self, n_actions, n_features, learning_rate=0.02, reward_decay=GAMMA):
        self.n_actions, self.n_features, self.lr, self.gamma = n_actions, n_features, learning_rate, reward_decay
        self.ep_obs, self.ep_as, self.ep_rs = [], [], []
        self._build_net()
        self.sess = tf.Session()
        self.sess.run(tf.global_variables_initializer())

    def _dense(self, x, n, activation, name):
        with tf.variable_scope(name):
            w = tf.get_variable(
                "kernel", [x.shape[1].value, n], initializer=tf.random_normal_initializer(mean=0, stddev=0.3)
            )
            b = tf.get_variable("bias", [n], initializer=tf.constant_initializer(0.1))
            y = tf.matmul(x, w) + b
            return activation(y) if activation else y

    def _build_net(self):
        with tf.name_scope("inputs"):
            self.tf_obs = tf.placeholder(tf.float32, [None, self.n_features], name="observations")
            self.tf_acts = tf.placeholder(
                tf.int32,
                [
                    None,
                ],
                name="actions_num",
            )
            self.tf_vt = tf.placeholder(
                tf.float32,
                [
                    None,
                ],
                name="actions_value",
            )
        layer = self._dense(self.tf_obs, 10, tf.nn.tanh, "fc1")
        all_act = self._dense(layer, self.n_actions, None, "fc2")
        self.all_act_prob = tf.nn.softmax(all_act, name="act_prob")
        with tf.name_scope("loss"):
            neg_log_prob = tf.reduce_sum(-tf.log(self.all_act_prob) * tf.one_hot(self.tf_acts, self.n_actions), axis=1)
            self.loss = tf.reduce_mean(neg_log_prob * self.tf_vt)
        with tf.name_scope("train"):
            self.train_op = tf.train.AdamOptimizer(self.lr).minimize(self.loss)

    def choose_action(self, observation):
        prob_weights = self.sess.run(self.all_act_prob, feed_dict={self.tf_obs: observation[np.newaxis, :]})
        return np.random.choice(range(prob_weights.shape[1]), p=prob_weights.ravel() / prob_weights.sum(dtype=float))

    def store_transition(self, s, a, r):
        self.ep_obs.append(s)
        self.ep_as.append(a)
        self.ep_rs.append(r)

    def learn(self):
        v = self._discount_and_norm_rewards()
        _, loss = self.sess.run(
            [self.train_op, self.loss],
            feed_dict={self.tf_obs: np.vstack(self.ep_obs), self.tf_acts: np.array(self.ep_as), self.tf_vt: v},
        )
        self.ep_obs, self.ep_as, self.ep_rs = [], [], []
        return loss

    def _discount_and_norm_rewards(self):
        d = np.zeros_like(self.ep_rs)
        running_add = 0
        for t in reversed(range(len(self.ep_rs))):
            running_add = running_add * self.gamma + self.ep_rs[t]
            d[t] = running_add
        d -= np.mean(d)
        d /= np.std(d) + 1e-8
        return d


env, RL = Corridor(), PolicyGradient(2, 4)
totals, losses = [], []
for i_episode in range(80):
    observation = env.reset()
    while True:
        action = RL.choose_action(observation)
        observation_, reward, done = env.step(action)
        RL.store_transition(observation, action, reward)
        observation = observation_
        if done:
            totals.append(sum(RL.ep_rs))
            losses.append(RL.learn())
            break
print(np.mean(totals[:10]), np.mean(totals[-10:]))
