"""JAX: the step jitted and called from Python, and the whole epoch scanned; buffers are donated."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases import EPSILON
from benchmarks.systems import System


class JittedStep(System):
    """One call of a jitted step for each batch; the batch is gathered inside."""

    def __init__(self, case, X, y, weights, threads):
        jax.config.update("jax_platforms", "cpu")
        if case.dtype == "float64":
            jax.config.update("jax_enable_x64", True)
        super().__init__(case, jnp.asarray(X), jnp.asarray(y.astype(np.int32)), weights, threads)
        self.classes = jax.jit(lambda params, X: self._logits(params, X).argmax(axis=1))
        self.compiled = jax.jit(self._step, donate_argnums=0)
        self.reset()

    def _logits(self, params, X):
        last = len(self.case.sizes) - 1
        for i in range(1, last + 1):
            X = X @ params[f"W{i}"] + params[f"b{i}"]
            if i < last:
                X = jax.nn.relu(X)
        return X

    def _loss(self, params, X, y):
        log_probabilities = jax.nn.log_softmax(self._logits(params, X))
        penalty = sum(jnp.vdot(w, w) for name, w in params.items() if name.startswith("W"))
        loss = -jnp.take_along_axis(log_probabilities, y[:, None], axis=1).mean()
        return loss + 0.5 * self.case.regularization * penalty

    def _step(self, state, X, y, rows):
        params, m, v, t, total = state
        loss, grads = jax.value_and_grad(self._loss)(params, X[rows], y[rows])
        rate, t = self.case.learning_rate, t + 1
        if self.case.optimizer == "SGD":
            params = jax.tree.map(lambda w, g: w - rate * g, params, grads)
        else:
            beta1, beta2 = 0.9, 0.999
            m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, grads)
            v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, grads)
            c1, c2 = 1 - beta1**t, 1 - beta2**t
            params = jax.tree.map(lambda w, m, v: w - rate * (m / c1) / (jnp.sqrt(v / c2) + EPSILON), params, m, v)
        return params, m, v, t, total + loss

    def reset(self):
        params = {name: jnp.array(w) for name, w in self.initial.items()}
        moments = [jax.tree.map(jnp.zeros_like, params) if self.case.optimizer == "Adam" else {} for _ in range(2)]
        real = jnp.dtype(self.case.dtype)
        self.state = jax.block_until_ready((params, *moments, jnp.zeros((), real), jnp.zeros((), real)))

    def _batches(self, *block):
        return self.indices(*block).astype(np.int32).reshape(-1, self.case.batch)

    def train(self, start, stop, seed):
        for rows in self._batches(start, stop, seed):
            self.state = self.compiled(self.state, self.X, self.y, rows)
        jax.block_until_ready(self.state)

    def predict(self, X):
        return np.asarray(self.classes(self.state[0], X))

    def weights(self):
        return {name: np.asarray(w) for name, w in self.state[0].items()}


class ScannedEpoch(JittedStep):
    """One call for all batches."""

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, X, y, weights, threads)

        def epoch(state, X, y, batches):
            return jax.lax.scan(lambda state, rows: (self._step(state, X, y, rows), None), state, batches)[0]

        self.compiled = jax.jit(epoch, donate_argnums=0)

    def train(self, start, stop, seed):
        self.state = jax.block_until_ready(self.compiled(self.state, self.X, self.y, self._batches(start, stop, seed)))
