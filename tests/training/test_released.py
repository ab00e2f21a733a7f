"""A process that trains many networks keeps the graph of none."""

import gc

import keras
import numpy as np
import pytest
from tensorflow.python.framework import func_graph

from kollias_affect.training import gradients_released


def train():
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.GRU(2), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 4, 3)), np.zeros((2, 1)), verbose=0)
    return model


def graphs():
    gc.collect()
    return sum(isinstance(item, func_graph.FuncGraph) for item in gc.get_objects())


def test_no_graph_of_a_training_stays_in_memory():
    before = graphs()
    with gradients_released():
        train()
    assert graphs() <= before


def test_a_failed_training_is_released_too():
    before = graphs()
    with pytest.raises(ZeroDivisionError), gradients_released():
        train()
        raise ZeroDivisionError
    assert graphs() <= before


def test_a_trained_network_can_be_trained_on():
    with gradients_released():
        model = train()
    loss = model.evaluate(np.ones((2, 4, 3)), np.zeros((2, 1)), verbose=0)
    model.fit(np.ones((2, 4, 3)), np.zeros((2, 1)), epochs=3, verbose=0)
    assert model.evaluate(np.ones((2, 4, 3)), np.zeros((2, 1)), verbose=0) < loss
    model.fit(np.ones((3, 4, 3)), np.zeros((3, 1)), verbose=0)  # traced again


def test_gradients_from_before_the_block_stay():
    outer = train()
    with gradients_released():
        train()
    outer.fit(np.ones((3, 4, 3)), np.zeros((3, 1)), verbose=0)
