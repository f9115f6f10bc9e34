"""Plain NumPy at its best: nothing is allocated where `out=` avoids it."""

import math

import numpy as np

from benchmarks.cases import EPSILON
from benchmarks.systems import System, time_phases


class InPlace(System):
    """Parameters, gradients and moments each in one flat array, every result in place, in the dtype of the case."""

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, X, y, weights, threads)
        self.shapes = {name: w.shape for name, w in weights.items()}
        self.initial = np.concatenate([w.ravel() for w in weights.values()]).astype(case.dtype)
        self.flat, self.flat_grad, self.m, self.v, self.scratch = (np.zeros_like(self.initial) for _ in range(5))
        self.params, self.grads, self.scratches = map(self._views, (self.flat, self.flat_grad, self.scratch))
        self.n_layers = len(case.sizes) - 1
        self.h, self.dh, self.masks = (self._arrays(case.batch, kind) for kind in (case.dtype, case.dtype, bool))
        self.rows = np.arange(case.batch)
        self.outputs = {}

    def _views(self, flat):
        parts = np.split(flat, np.cumsum([np.prod(shape) for shape in self.shapes.values()])[:-1])
        return {name: part.reshape(shape) for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)}

    def _arrays(self, n_rows, dtype):
        return [np.empty((n_rows, n), dtype) for n in self.case.sizes]

    def reset(self):
        self.flat[...] = self.initial
        self.m[...] = self.v[...] = 0
        self.t = 0

    def train(self, start, stop, seed):
        indices = self.indices(start, stop, seed)
        batch, loss, correct = self.case.batch, 0.0, 0
        for i in range(0, len(indices), batch):
            y = self.gather(indices[i : i + batch])
            scores = self.forward(self.h)
            correct += np.count_nonzero(scores.argmax(axis=1) == y)
            loss += self.backward(y)
            self.update()

    def phases(self, start, stop, seed):
        return time_phases(
            np.split(self.indices(start, stop, seed), self.case.steps),
            gather=self.gather,
            forward=lambda y: self.forward(self.h),
            backward=self.backward,
            update=lambda y: self.update(),
        )

    def gather(self, indices):
        # a checking mode would go through a buffer
        np.take(self.X, indices, axis=0, out=self.h[0], mode="clip")
        return self.y[indices]

    def forward(self, h):
        for i in range(1, self.n_layers + 1):
            z = np.matmul(h[i - 1], self.params[f"W{i}"], out=h[i])
            z += self.params[f"b{i}"]
            if i < self.n_layers:
                np.maximum(z, 0, out=z)
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        return z

    def backward(self, y):
        regularization, probabilities = self.case.regularization, self.h[-1]
        loss = -float(np.log(probabilities[self.rows, y]).mean())
        dz = self.dh[-1]
        dz[...] = probabilities
        dz[self.rows, y] -= 1
        dz /= len(y)
        for i in range(self.n_layers, 0, -1):
            W, dW, scratch = self.params[f"W{i}"], self.grads[f"W{i}"], self.scratches[f"W{i}"]
            np.matmul(self.h[i - 1].T, dz, out=dW)
            np.multiply(W, regularization, out=scratch)
            dW += scratch
            loss += 0.5 * regularization * float(np.vdot(W, W))
            np.sum(dz, axis=0, out=self.grads[f"b{i}"])
            if i > 1:
                dz = np.matmul(dz, W.T, out=self.dh[i - 1])
                dz *= np.greater(self.h[i - 1], 0, out=self.masks[i - 1])
        return loss

    def update(self):
        w, g, m, v, scratch, rate = self.flat, self.flat_grad, self.m, self.v, self.scratch, self.case.learning_rate
        if self.case.optimizer == "SGD":
            w -= np.multiply(g, rate, out=scratch)
            return
        beta1, beta2 = 0.9, 0.999
        self.t += 1
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=scratch)
        v *= beta2
        np.multiply(g, g, out=scratch)
        scratch *= 1 - beta2
        v += scratch
        np.sqrt(v, out=scratch)
        scratch *= 1 / math.sqrt(1 - beta2**self.t)
        scratch += EPSILON
        np.divide(m, scratch, out=scratch)
        scratch *= rate / (1 - beta1**self.t)
        w -= scratch

    def predict(self, X):
        if len(X) not in self.outputs:
            self.outputs[len(X)] = self._arrays(len(X), X.dtype)[1:]
        return self.forward([X, *self.outputs[len(X)]]).argmax(axis=1)

    def weights(self):
        return self.params
