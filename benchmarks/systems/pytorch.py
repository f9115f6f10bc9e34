"""PyTorch on the CPU: eager, with its fused optimisers, and compiled."""

import os

# compile in this process: a pool of others would not stand still while other systems run
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
import torch
from torch import nn

from benchmarks.cases import EPSILON
from benchmarks.systems import System


class Eager(System):
    """`nn.Sequential` and the optimiser as it comes; batches are tensors sliced by an index tensor."""

    fused = False

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, torch.from_numpy(X), torch.from_numpy(y), weights, threads)
        self.thread_choices = (1, threads) if threads > 1 else ()
        self.use_threads(threads)
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
        self.reset()

    def use_threads(self, threads):
        super().use_threads(threads)
        torch.set_num_threads(threads)

    @torch.no_grad()
    def reset(self):
        for linear, (W, b) in zip(self.linears, self.initial, strict=True):
            linear.weight.copy_(W)
            linear.bias.copy_(b)
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()

    def loss(self, X, y):
        return self.criterion(self.model(X), y)

    def train(self, start, stop, seed):
        indices = torch.from_numpy(self.indices(start, stop, seed))
        total = torch.zeros(())
        for rows in indices.split(self.case.batch):
            self.optimizer.zero_grad()
            loss = self.loss(self.X[rows], self.y[rows])
            loss.backward()
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
    """Loss, its gradients, and update by `torch.compile`."""

    def __init__(self, case, X, y, weights, threads):
        super().__init__(case, X, y, weights, threads)
        self.loss = torch.compile(self.loss)
        self.update = torch.compile(self.update)
