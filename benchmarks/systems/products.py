"""The matrix products of a step and nothing else, by SciPy's BLAS, operands hot, results in place."""

import time

import numpy as np
from scipy.linalg import blas

from benchmarks.systems import System


class ProductsOnly(System):
    """The time of a step that BLAS needs for the products; what a system takes beyond it is its own work."""

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, None, None, None, threads)
        self.gemm = blas.sgemm if case.dtype == "float32" else blas.dgemm
        self.W = [np.ascontiguousarray(weights[f"W{i}"]) for i in range(1, len(case.sizes))]
        self.h = [X[: case.batch].copy(), *(self._random(case.batch, n) for n in case.sizes[1:])]
        self.dh = [self._random(*h.shape) for h in self.h]
        self.dW = [np.empty_like(W) for W in self.W]

    def _random(self, *shape):
        return np.random.RandomState(0).randn(*shape).astype(self.case.dtype)

    def reset(self):
        pass

    def train(self, start, stop, seed):
        for _ in range((stop - start) // self.case.batch):
            self._forward()
            for i in reversed(range(len(self.W))):
                # self.dW[i][...] = self.h[i].T @ self.dh[i + 1]; row-major here is the transpose for BLAS
                self.gemm(1, self.dh[i + 1].T, self.h[i].T, trans_b=True, c=self.dW[i].T, overwrite_c=True)
                if i:
                    # self.dh[i][...] = self.dh[i + 1] @ self.W[i].T
                    self.gemm(1, self.W[i].T, self.dh[i + 1].T, trans_a=True, c=self.dh[i].T, overwrite_c=True)

    def phases(self, start, stop, seed):
        began = time.perf_counter()
        self.train(start, stop, seed)
        return {"products": (time.perf_counter() - began) / self.case.steps}

    def predict(self, X):  # returns nothing, so that nothing is checked
        for _ in range(0, len(X), self.case.batch):
            self._forward()

    def _forward(self):
        for i, W in enumerate(self.W):
            # self.h[i + 1][...] = self.h[i] @ W
            self.gemm(1, W.T, self.h[i].T, c=self.h[i + 1].T, overwrite_c=True)

    def weights(self):
        return {}
