# %% [markdown]
# The first edition, of 2018/19: loss, train and predict, with ReLUs or sigmoids.
# %%
import numpy as np
from digits import get_digits_data

from fastmlp import eval_numerical_gradient, rel_error
from fastmlp.courses import FirstNeuralNetwork as NeuralNetwork


def init_toy_model(num_layers, nonlinearity):
    np.random.seed(0)
    return NeuralNetwork(4, [10] * (num_layers - 1), 3, num_layers, nonlinearity=nonlinearity)


np.random.seed(1)
X, y = np.random.randn(5, 4), np.array([0, 1, 2, 2, 1])
# %%
for nonlinearity in ("relu", "sigmoid"):
    for num_layers in (2, 3):
        net = init_toy_model(num_layers, nonlinearity)
        loss, grads = net.loss(X, y, reg=0.1)
        for name in grads:
            numeric = eval_numerical_gradient(lambda _: net.loss(X, y, reg=0.1)[0], net.params[name])
            print(nonlinearity, num_layers, name, rel_error(numeric, grads[name]))
            assert rel_error(numeric, grads[name]) < 1e-6
# %%
for nonlinearity in ("relu", "sigmoid"):
    net = init_toy_model(2, nonlinearity)
    stats = net.train(X, y, X, y, learning_rate=1.0, learning_rate_decay=1.0, reg=1e-5, num_iters=300, batch_size=5)
    assert stats["loss_history"][-1] < 0.1 * stats["loss_history"][0]
    assert (net.predict(X) == y).all()
# %%
digits = get_digits_data()
best_accuracy, best_net = 0, None
for learning_rate in (0.1, 0.5):
    for reg in (1e-4, 1e-3):
        net = NeuralNetwork(64, [50], 10, 2, "sigmoid")
        stats = net.train(
            digits["X_train"], digits["y_train"], digits["X_val"], digits["y_val"],
            learning_rate=learning_rate, learning_rate_decay=1.0, reg=reg, num_iters=800, batch_size=50,
        )  # fmt: skip
        if stats["val_acc_history"][-1] > best_accuracy:
            best_accuracy, best_net = stats["val_acc_history"][-1], net
assert (best_net.predict(digits["X_val"]) == digits["y_val"]).mean() > 0.9
