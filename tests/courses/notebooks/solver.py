"""A trainer as CS231n's notebooks have one: it reads `model.params`, calls `model.loss` and assigns what is next."""

import numpy as np


def sgd(w, dw, config):
    """In place, as the course's rule does it."""
    w -= config["learning_rate"] * dw
    return w


def sgd_momentum(w, dw, config):
    """A new array, as the course's rule gives one."""
    config["velocity"] = 0.9 * config.get("velocity", 0) - config["learning_rate"] * dw
    return w + config["velocity"]


class Solver:
    """Trains a model on the data's X_train and y_train, and keeps the parameters that are best on X_val."""

    def __init__(self, model, data, update_rule, learning_rate, lr_decay=1.0, batch_size=50, num_epochs=5):
        self.model, self.data, self.update_rule = model, data, update_rule
        self.configs = {name: {"learning_rate": learning_rate} for name in model.params}
        self.lr_decay, self.batch_size, self.num_epochs = lr_decay, batch_size, num_epochs
        self.loss_history, self.val_acc_history, self.best_val_acc, self.best_params = [], [], 0, {}

    def step(self):
        rows = np.random.choice(len(self.data["X_train"]), self.batch_size)
        loss, grads = self.model.loss(self.data["X_train"][rows], self.data["y_train"][rows])
        self.loss_history.append(loss)
        for name, w in self.model.params.items():
            self.model.params[name] = self.update_rule(w, grads[name], self.configs[name])

    def check_accuracy(self, X, y):
        return np.mean(np.argmax(self.model.loss(X), axis=1) == y)

    def train(self):
        for _ in range(self.num_epochs):
            for _ in range(len(self.data["X_train"]) // self.batch_size):
                self.step()
            for config in self.configs.values():
                config["learning_rate"] *= self.lr_decay
            self.val_acc_history.append(self.check_accuracy(self.data["X_val"], self.data["y_val"]))
            if self.val_acc_history[-1] > self.best_val_acc:
                self.best_val_acc = self.val_acc_history[-1]
                self.best_params = {name: w.copy() for name, w in self.model.params.items()}
        self.model.params = self.best_params
