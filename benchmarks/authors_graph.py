"""The authors' AffWildNet (VGG-Face and two GRU layers) as a graph of TensorFlow 1.

The graph follows the names and shapes of the variables in the published checkpoint, in the style of
its time: placeholders, a session, `tf.while_loop` over the frames with the GRU of TensorFlow 1 (two
matrix products per step, for the gates and for the candidate), Adam, and the CCC loss. The
benchmarks compare the network of this package with it.
"""

import numpy as np
import tensorflow.compat.v1 as tf

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
UNITS, HIDDEN = 128, 4096


class AuthorsNetwork:
    """A session with the network, for windows of `length` frames of 96 x 96 pixels.

    Args:
        batch: Number of windows.
        length: Number of frames per window.
        training: Whether to build dropout, loss, gradients and Adam.
    """

    def __init__(self, batch=1, length=80, training=True):
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.set_random_seed(0)
            self.images = tf.placeholder(tf.float32, [batch, length, 96, 96, 3])
            self.labels = tf.placeholder(tf.float32, [batch, length, 2])
            frames = tf.reshape(self.images, [-1, 96, 96, 3])
            x = _fully_connected(_convolutions(frames), training)
            x = _recurrent(tf.reshape(x, [batch, length, HIDDEN]), batch, length, training)
            self.outputs = _linear(x, 2, "rnn_1")
            if training:
                loss = _loss(self.labels, self.outputs)
                self.step = tf.train.AdamOptimizer(1e-4).minimize(loss)
            self.session = tf.Session(graph=self.graph)
            self.session.run(tf.global_variables_initializer())

    def train(self, images, labels):
        """Runs one training step."""
        self.session.run(self.step, {self.images: images, self.labels: labels})

    def predict(self, images):
        """Returns the outputs, float32 `[batch, length, 2]`."""
        return self.session.run(self.outputs, {self.images: images})


def _variable(name, shape, deviation=0.05, value=None):
    if value is not None:
        return tf.get_variable(name, shape, initializer=tf.constant_initializer(value))
    return tf.get_variable(
        name, shape, initializer=tf.truncated_normal_initializer(stddev=deviation)
    )


def _convolutions(x):
    number = 0
    for convolutions, channels in BLOCKS:
        for _ in range(convolutions):
            number += 1
            inputs = x.shape[-1]
            with tf.variable_scope(f"conv_{number}"):
                deviation = float(np.sqrt(2 / (9 * int(inputs))))
                weights = _variable("weights", [3, 3, inputs, channels], deviation)
                x = tf.nn.conv2d(x, weights, [1, 1, 1, 1], "SAME")
                x = tf.nn.relu(tf.nn.bias_add(x, _variable("biases", [channels], value=0.0)))
        x = tf.nn.max_pool2d(x, 2, 2, "SAME")
    return x


def _fully_connected(x, training):
    x = tf.reshape(x, [-1, int(np.prod(x.shape[1:]))])
    with tf.variable_scope("linear_1"):
        weights = _variable("weights", [x.shape[-1], HIDDEN], 0.02)
        x = tf.nn.relu(tf.matmul(x, weights) + _variable("biases", [HIDDEN], value=0.1))
    return tf.nn.dropout(x, rate=0.5) if training else x


def _recurrent(x, batch, length, training):
    for cell in range(2):
        with tf.variable_scope(f"rnn_1/rnn/multi_rnn_cell/cell_{cell}/gru_cell"):
            x = _gru(x, batch, length)
        if training and cell == 0:
            x = tf.nn.dropout(x, rate=0.2)
    return x


def _gru(x, batch, length):
    """The GRUCell of TensorFlow 1 in `dynamic_rnn`, which concatenates input and state per step."""
    inputs = int(x.shape[-1]) + UNITS
    gates_kernel = _variable("gates/kernel", [inputs, 2 * UNITS], inputs**-0.5)
    gates_bias = _variable("gates/bias", [2 * UNITS], value=1.0)
    candidate_kernel = _variable("candidate/kernel", [inputs, UNITS], inputs**-0.5)
    candidate_bias = _variable("candidate/bias", [UNITS], value=0.0)
    steps = tf.TensorArray(tf.float32, length).unstack(tf.transpose(x, [1, 0, 2]))

    def body(time, state, outputs):
        frame = steps.read(time)
        gates = tf.matmul(tf.concat([frame, state], 1), gates_kernel) + gates_bias
        reset, update = tf.split(tf.sigmoid(gates), 2, 1)
        reset_inputs = tf.concat([frame, reset * state], 1)
        candidate = tf.tanh(tf.matmul(reset_inputs, candidate_kernel) + candidate_bias)
        state = update * state + (1 - update) * candidate
        return time + 1, state, outputs.write(time, state)

    start = (0, tf.zeros([batch, UNITS]), tf.TensorArray(tf.float32, length))
    _, _, outputs = tf.while_loop(lambda time, *_: time < length, body, start)
    return tf.ensure_shape(tf.transpose(outputs.stack(), [1, 0, 2]), [batch, length, UNITS])


def _linear(x, units, scope):
    with tf.variable_scope(scope):
        flat = tf.reshape(x, [-1, int(x.shape[-1])])
        weights = _variable("weights_rnn", [flat.shape[-1], units], 0.1)
        outputs = tf.matmul(flat, weights) + _variable("biases_rnn", [units], value=0.0)
    return tf.reshape(outputs, [*x.shape[:-1], units])


def _loss(labels, outputs):
    terms = []
    for i in range(2):
        true, predicted = tf.reshape(labels[..., i], [-1]), tf.reshape(outputs[..., i], [-1])
        mean_true, var_true = tf.nn.moments(true, [0])
        mean_predicted, var_predicted = tf.nn.moments(predicted, [0])
        cov = tf.reduce_mean((true - mean_true) * (predicted - mean_predicted))
        difference = tf.square(mean_true - mean_predicted)
        terms.append(1 - 2 * cov / (var_true + var_predicted + difference))
    return tf.add_n(terms) / 2
