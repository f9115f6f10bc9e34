# %% [markdown]
# An edition with sigmoid outputs, of 2023 and later: an image from the coordinates of its pixels.
# %%
import numpy as np

from fastmlp import eval_numerical_gradient, rel_error
from fastmlp.courses import LaterNeuralNetwork as NeuralNetwork

np.random.seed(0)
X, y = np.random.randn(5, 4), np.random.rand(5, 3)
# %%
for num_layers in (2, 3):
    net = NeuralNetwork(4, [10] * (num_layers - 1), 3, num_layers, "SGD")

    def loss(_):
        net.forward(X)
        return net.backward(y)

    loss(None)
    gradients = {name: gradient.copy() for name, gradient in net.gradients.items()}
    for name in net.params:
        numeric = eval_numerical_gradient(loss, net.params[name])
        print(num_layers, name, rel_error(numeric, gradients[name]))
        assert np.abs(numeric - gradients[name]).max() < 1e-6 * np.abs(gradients[name]).max()
# %%
z = np.random.randn(5, 3)
p = net.sigmoid(z)
assert rel_error(net.sigmoid_grad(z), eval_numerical_gradient(lambda z: net.sigmoid(z).sum(), z)) < 1e-6
assert rel_error(net.mse_grad(y, p), eval_numerical_gradient(lambda p: net.mse(y, p), p)) < 1e-6
assert rel_error(net.mse_sigmoid_grad(y, p), eval_numerical_gradient(lambda z: net.mse(y, net.sigmoid(z)), z)) < 1e-6
# %%
side = np.linspace(0, 1, 16)
coordinates = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
X = np.concatenate([np.cos(2 * np.pi * coordinates), np.sin(2 * np.pi * coordinates)], axis=1)
y = np.stack([side[np.newaxis].repeat(16, 0), side[:, np.newaxis].repeat(16, 1), np.eye(16)], axis=-1).reshape(-1, 3)
for opt, learning_rate in (("SGD", 2.0), ("Adam", 3e-3)):
    net, losses = NeuralNetwork(4, [64, 64], 3, 3, "SGD"), []
    for _ in range(300):
        rows = np.random.permutation(len(X))[:128]
        net.forward(X[rows])
        losses.append(net.backward(y[rows]))
        net.update(learning_rate, 0.9, 0.999, 1e-8, opt=opt)
    print(opt, losses[0], losses[-1])
    assert losses[-1] < 0.5 * losses[0]
