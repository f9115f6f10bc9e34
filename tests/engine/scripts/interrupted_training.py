"""Interrupts trainings at random moments, and looks at the networks. Argument: `fit` or `three_calls`."""

import signal
import sys
import threading
import time

import numpy as np

from fastmlp import NeuralNetwork

N_INTERRUPTIONS = 400
X, y = np.random.RandomState(0).randn(60, 5), np.arange(60) % 3


def orders():
    random = np.random.RandomState(7)
    return [random.permutation(60) for _ in range(40)]


def network():
    return NeuralNetwork(5, [4], 3, seed=0)


def state(net):
    """Parameters and moments; none where they are all 0."""
    found = net.snapshot()
    arrays = [found["flat_params"], *found["moments"].get("Adam", [])]
    return [array.tobytes() for array in arrays if array.any()]


def n_updates(net):
    return net.snapshot()["n_updates"]


def fit(net):
    net.fit(X, y, epochs=40, batch_size=10, learning_rate=0.01, optimizer="Adam", seed=7)


def three_calls(net):
    for order in orders():
        for start in range(0, 60, 10):
            rows = order[start : start + 10]
            net.forward(X[rows])
            net.backward(y[rows])
            net.update(0.01, opt="Adam")


def states_by_updates():
    """What every number of updates leads to."""
    net = network()
    states = [state(net)]
    for order in orders():
        for start in range(0, 60, 10):
            net.train_epoch(X, y, order[start : start + 10], learning_rate=0.01, optimizer="Adam")
            states.append(state(net))
    return states


def seconds(train):
    start = time.perf_counter()
    train(network())
    return time.perf_counter() - start


def is_refused_elsewhere(net):
    """Whether another thread may not use the network."""
    refused = []

    def use():
        try:
            net.snapshot()
        except RuntimeError as error:
            refused.append(error)

    other = threading.Thread(target=use)
    other.start()
    other.join()
    return bool(refused)


train = {"fit": fit, "three_calls": three_calls}[sys.argv[1]]
states, random = states_by_updates(), np.random.RandomState(1)
whole = min(seconds(train) for _ in range(5))
signal.signal(signal.SIGALRM, signal.default_int_handler)  # a timer that does what Ctrl-C does
n_inside = 0
while n_inside < N_INTERRUPTIONS:
    net = network()
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, whole))
        train(net)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        n_done = n_updates(net)
        n_inside += 0 < n_done < 240
        assert state(net) == states[n_done], n_done
        assert train is three_calls or net.gradients == {}
        assert len(net.history or []) <= n_done // 6
        assert not is_refused_elsewhere(net)
        net.fit(X, y, epochs=1, batch_size=10)
        assert n_updates(net) == n_done + 6
print("consistent")
