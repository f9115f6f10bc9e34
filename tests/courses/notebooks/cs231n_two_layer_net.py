# %% [markdown]
# CS231n, assignment 1: the older TwoLayerNet, which trains itself.
# %%
import numpy as np
from digits import get_digits_data

from fastmlp import eval_numerical_gradient, rel_error
from fastmlp.courses import TwoLayerNet

input_size, hidden_size, num_classes, num_inputs = 4, 10, 3, 5
np.random.seed(0)
net = TwoLayerNet(input_size, hidden_size, num_classes, std=1e-1)
np.random.seed(1)
X, y = 10 * np.random.randn(num_inputs, input_size), np.array([0, 1, 2, 2, 1])
# %%
scores = net.loss(X)
shifted = scores - scores.max(axis=1, keepdims=True)
data_loss = np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(num_inputs), y])
penalty = 0.05 * sum(np.sum(net.params[name] ** 2) for name in ("W1", "W2"))
loss, _ = net.loss(X, y, reg=0.05)
assert abs(loss - data_loss - penalty) < 1e-12
# %%
loss, grads = net.loss(X, y, reg=0.05)
for param_name in grads:
    param_grad_num = eval_numerical_gradient(
        lambda W: net.loss(X, y, reg=0.05)[0], net.params[param_name], verbose=False
    )
    print(f"{param_name} max relative error: {rel_error(param_grad_num, grads[param_name]):e}")
    assert rel_error(param_grad_num, grads[param_name]) < 1e-6
# %%
stats = net.train(X, y, X, y, learning_rate=1e-1, reg=5e-6, num_iters=100, verbose=False)
assert stats["loss_history"][-1] < 0.02
# %%
digits = get_digits_data()
net = TwoLayerNet(64, 50, 10)
stats = net.train(
    digits["X_train"], digits["y_train"], digits["X_val"], digits["y_val"],
    num_iters=1000, batch_size=100, learning_rate=0.5, learning_rate_decay=0.95, reg=1e-4, verbose=True,
)  # fmt: skip
assert (net.predict(digits["X_val"]) == digits["y_val"]).mean() > 0.9
