"""The formulas of a network in NumPy, and its gradients by finite differences."""

import numpy as np

from fastmlp import eval_numerical_gradient
from fastmlp.functions import activations


def scores_of(params, X, activation=activations.relu, masks=None):
    """Scores of a network, and the input of each layer; masks are those of the hidden layers' dropout."""
    inputs = [X]
    n_layers = len(params) // 2
    for i in range(1, n_layers + 1):
        z = inputs[-1] @ params[f"W{i}"] + params[f"b{i}"]
        if i < n_layers:
            z = activation(z) * (1 if masks is None else masks[i - 1])
        inputs.append(z)
    return inputs.pop(), inputs


def gradients_of(params, inputs, dscores, reg=0.0, derivative=activations.relu_grad, masks=None):
    """Gradients of a loss + 0.5 * reg * sum(W**2), from those of the loss's scores."""
    gradients, dz = {}, dscores
    for i in range(len(inputs), 0, -1):
        W, h = params[f"W{i}"], inputs[i - 1]
        gradients |= {f"b{i}": dz.sum(axis=0), f"W{i}": h.T @ dz + reg * W}
        if i > 1:
            dz = (dz @ W.T) * derivative(h) * (1 if masks is None else masks[i - 2])
    return {name: gradients[name] for name in params}


def penalty_of(params, reg):
    """0.5 * reg * sum(W**2)."""
    return 0.5 * reg * sum(np.square(w).sum() for name, w in params.items() if name.startswith("W"))


def cross_entropy(scores, y):
    """Its mean over rows, and the gradient of the scores."""
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(y)), y]).mean(), (p - np.eye(scores.shape[1])[y]) / len(y)


def numerical(net, loss):
    """The gradients of a network's loss by finite differences."""
    return {name: eval_numerical_gradient(lambda w: loss(), net.params[name]) for name in net.params}
