# %% [markdown]
# CS231n, assignment 2: networks of any depth, and dropout.
# %%
import numpy as np
from digits import get_digits_data
from solver import Solver, sgd_momentum

from fastmlp import eval_numerical_gradient, rel_error
from fastmlp.courses import FullyConnectedNet

np.random.seed(231)
N, D, H1, H2, C = 2, 15, 20, 30, 10
X, y = np.random.randn(N, D), np.random.randint(C, size=(N,))
# %%
for reg in [0, 3.14]:
    model = FullyConnectedNet([H1, H2], input_dim=D, num_classes=C, reg=reg, weight_scale=5e-2, dtype=np.float64)
    loss, grads = model.loss(X, y)
    assert abs(loss - np.log(C)) < 0.1 or reg
    for name in sorted(grads):
        grad_num = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
        print(f"reg = {reg}, {name} relative error: {rel_error(grad_num, grads[name]):.2e}")
        assert np.abs(grad_num - grads[name]).max() < 1e-6 * np.abs(grads[name]).max()
# %%
for dropout_keep_ratio in [1, 0.75, 0.5]:
    model = FullyConnectedNet(
        [H1, H2], input_dim=D, num_classes=C, weight_scale=5e-2, dtype=np.float64,
        dropout_keep_ratio=dropout_keep_ratio, seed=231,
    )  # fmt: skip
    loss, grads = model.loss(X, y)
    assert model.loss(X, y)[0] == loss
    for name in sorted(grads):
        grad_num = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
        print(f"dropout = {dropout_keep_ratio}, {name} relative error: {rel_error(grad_num, grads[name]):.2e}")
        assert np.abs(grad_num - grads[name]).max() < 1e-6 * np.abs(grads[name]).max()
# %%
digits = get_digits_data()
for dropout in [1, 0.5]:
    model = FullyConnectedNet([100, 100], input_dim=64, dropout=dropout, weight_scale=0.1)
    solver = Solver(model, digits, sgd_momentum, learning_rate=2e-2, num_epochs=10)
    solver.train()
    print(f"dropout = {dropout}: {solver.best_val_acc:.3f}")
    assert solver.best_val_acc > 0.9
    losses = {model.loss(digits["X_val"], digits["y_val"])[0] for _ in range(3)}
    assert len(losses) == (1 if dropout == 1 else 3)
