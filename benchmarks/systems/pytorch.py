"""PyTorch on the CPU: eager, with its fused optimisers, and compiled."""

import time

import numpy as np
import torch
from torch import nn

from benchmarks.cases import EPSILON


class Eager:
    """`nn.Sequential` and the optimiser as it comes; batches are tensors sliced by an index tensor."""

    fused = False

    def __init__(self, case, X, y, weights, threads):
        self.case = case
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(y)
        layers = []
        for i in range(1, len(case.sizes)):
            linear = nn.Linear(case.sizes[i - 1], case.sizes[i], dtype=getattr(torch, case.dtype))
            layers += [linear, nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1])
        self.linears = layers[::2]
        # a copy: from_numpy shares its memory with what training must not change
        self.initial = [
            (torch.tensor(weights[f"W{i}"].T.copy()), torch.tensor(weights[f"b{i}"])) for i in range(1, len(case.sizes))
        ]
        groups = [
            {"params": [linear.weight for linear in self.linears], "weight_decay": case.regularization},
            {"params": [linear.bias for linear in self.linears], "weight_decay": 0.0},
        ]
        if case.optimizer == "SGD":
            self.optimizer = torch.optim.SGD(groups, lr=case.learning_rate, fused=self.fused)
        else:
            self.optimizer = torch.optim.Adam(groups, lr=case.learning_rate, eps=EPSILON, fused=self.fused)
        self.criterion = nn.CrossEntropyLoss()
        self.update = self.optimizer.step
        self._compile()
        torch.set_num_threads(self._fastest(threads) if threads > 1 else 1)

    def _compile(self):
        pass

    def _fastest(self, threads):
        """A small network is faster with one thread: find out, as a careful user does."""
        seconds = {}
        for n in (1, threads):
            torch.set_num_threads(n)
            for _ in range(3):
                start = time.perf_counter()
                if self.case.kind == "predict":
                    self.predict(self.X[: self.case.batch].numpy())
                else:
                    self.train(*self.case.rows_of_block(0), 0)
                seconds[n] = time.perf_counter() - start
        return min(seconds, key=seconds.get)

    @torch.no_grad()
    def reset(self):
        for linear, (W, b) in zip(self.linears, self.initial, strict=True):
            linear.weight.copy_(W)
            linear.bias.copy_(b)
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()

    def loss_and_gradients(self, X, y):
        loss = self.criterion(self.model(X), y)
        loss.backward()
        return loss

    def train(self, start, stop, seed):
        indices = torch.from_numpy(start + np.random.RandomState(seed).permutation(stop - start))
        total = torch.zeros(())
        for rows in indices.split(self.case.batch):
            self.optimizer.zero_grad()
            loss = self.loss_and_gradients(self.X[rows], self.y[rows])
            self.update()
            total += loss.detach()

    @torch.inference_mode()
    def predict(self, X):
        return self.model(torch.from_numpy(X)).argmax(dim=1).numpy()

    def weights(self):
        weights = {}
        for i, linear in enumerate(self.linears, 1):
            weights[f"W{i}"] = linear.weight.detach().numpy().T
            weights[f"b{i}"] = linear.bias.detach().numpy()
        return weights


class Fused(Eager):
    """One kernel for all of an update."""

    fused = True


class Compiled(Eager):
    """Loss and update by `torch.compile`."""

    def _compile(self):
        self.model = torch.compile(self.model)
        self.update = torch.compile(self.update)
