# %% [markdown]
# An earlier edition: backward goes forward and back, and updates.
# %%
import copy

import numpy as np
from digits import get_digits_data

from fastmlp import eval_numerical_gradient, rel_error
from fastmlp.courses import EarlierNeuralNetwork as NeuralNetwork

np.random.seed(0)
X, y = 10 * np.random.randn(5, 4), np.random.randint(3, size=5)
# %%
for num_layers in (2, 3):
    net = NeuralNetwork(4, [10] * (num_layers - 1), 3, num_layers)
    net.backward(X, y, lr=0.0, reg=0.08)
    gradients = copy.deepcopy(net.gradients)
    for name in net.params:
        numeric = eval_numerical_gradient(lambda _: net.backward(X, y, lr=0.0, reg=0.08), net.params[name])
        print(num_layers, name, rel_error(numeric, gradients[name]))
        assert rel_error(numeric, gradients[name]) < 1e-6
# %%
digits = get_digits_data()
X_train, y_train, X_val, y_val = (digits[name] for name in ("X_train", "y_train", "X_val", "y_val"))
net, learning_rate, batch_size = NeuralNetwork(64, [80], 10, 2), 0.3, 50
train_loss, val_accuracy = np.zeros(10), np.zeros(10)
for epoch in range(10):
    indices = np.random.permutation(len(X_train))
    for start in range(0, len(X_train), batch_size):
        rows = indices[start : start + batch_size]
        X_batch, y_batch = X_train[rows], y_train[rows]
        scores = net.forward(X_batch)
        train_loss[epoch] += net.backward(X_batch, y_batch, learning_rate, reg=1e-4)
    val_accuracy[epoch] = (net.forward(X_val).argmax(axis=1) == y_val).mean()
    learning_rate *= 0.95
assert train_loss[-1] < 0.2 * train_loss[0]
assert val_accuracy[-1] > 0.9
