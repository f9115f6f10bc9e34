"""Networks with the interface of other editions of the assignment, and of the course that it descends from.

All of them use the same engine. A notebook written for one of them changes one import:

* `EarlierNeuralNetwork`: `backward(X, y, lr, reg)` runs forward, back-propagates and updates.
* `LaterNeuralNetwork`: logistic outputs, mean squared error, and the optimiser chosen in the constructor.
* `TwoLayerNet`, `FullyConnectedNet`: those of Stanford's CS231n, without normalisation and dropout.

The editions differ in how they count the regularisation; here biases are never a part of it. With `reg` as each of them
has it:

=====================  =============================
loss                   here
=====================  =============================
0.5 * reg * sum(W**2)  `fastmlp.NeuralNetwork`, `EarlierNeuralNetwork`, `FullyConnectedNet`
reg * sum(W**2)        `TwoLayerNet`; elsewhere pass `2 * reg`
reg / (2 * N) * ...    pass `reg / N`, for a batch of N rows
=====================  =============================
"""

from fastmlp.courses.cs231n import FullyConnectedNet, TwoLayerNet
from fastmlp.courses.cs498 import EarlierNeuralNetwork, LaterNeuralNetwork

__all__ = ["EarlierNeuralNetwork", "FullyConnectedNet", "LaterNeuralNetwork", "TwoLayerNet"]
