# %% [markdown]
# CS231n, the modular TwoLayerNet, which a Solver trains.
# %%
import numpy as np
from solver import Solver, sgd

from fastmlp import eval_numerical_gradient, rel_error
from fastmlp.courses import TwoLayerNet

np.random.seed(231)
N, D, H, C, std = 3, 5, 50, 7, 1e-3
X, y = np.random.randn(N, D), np.random.randint(C, size=N)
model = TwoLayerNet(input_dim=D, hidden_dim=H, num_classes=C, weight_scale=std)
assert abs(model.params["W1"].std() - std) < std / 10
assert np.all(model.params["b1"] == 0)
# %%
model.params["W1"] = np.linspace(-0.7, 0.3, num=D * H).reshape(D, H)
model.params["b1"] = np.linspace(-0.1, 0.9, num=H)
model.params["W2"] = np.linspace(-0.3, 0.4, num=H * C).reshape(H, C)
model.params["b2"] = np.linspace(-0.9, 0.1, num=C)
hidden = np.maximum(X @ model.params["W1"] + model.params["b1"], 0)
assert np.abs(model.loss(X) - hidden @ model.params["W2"] - model.params["b2"]).max() < 1e-12
# %%
for reg in [0.0, 0.7]:
    model.reg = reg
    loss, grads = model.loss(X, y)
    for name in sorted(grads):
        grad_num = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
        print(f"reg = {reg}, {name} relative error: {rel_error(grad_num, grads[name]):.2e}")
        assert rel_error(grad_num, grads[name]) < 1e-6
# %%
y = np.random.randint(10, size=600)
X = np.random.randn(600, 3, 32, 32) + 0.2 * np.random.randn(10, 3, 32, 32)[y]
data = {"X_train": X[:500], "y_train": y[:500], "X_val": X[500:], "y_val": y[500:]}
model = TwoLayerNet(reg=1e-3)
solver = Solver(model, data, sgd, learning_rate=1e-1, lr_decay=0.95, num_epochs=10)
solver.train()
assert solver.loss_history[-1] < 0.5 * solver.loss_history[0]
assert solver.check_accuracy(data["X_val"], data["y_val"]) == solver.best_val_acc
assert solver.best_val_acc > 0.9
