"""Networks with the interface of other editions of the assignment, and of the course that it descends from.

All of them use the same engine. A notebook written for one of them changes one import:

* `FirstNeuralNetwork`, of 2018/19: `loss(X, y, reg)`, `train` and `predict`, and a `nonlinearity`.
* `EarlierNeuralNetwork`: `backward(X, y, lr, reg)` runs forward, back-propagates and updates.
* `LaterNeuralNetwork`, from 2023 on: logistic outputs, mean squared error, and the optimiser chosen in the constructor
  or in `update`.
* `TwoLayerNet`, `FullyConnectedNet`: those of Stanford's CS231n, the second one without normalisation. `TwoLayerNet` is
  the older class, or the modular one that `Solver` trains, by the arguments that it is made with.

The editions differ in how they count the regularisation; here biases are never a part of it. With `reg` as each of them
has it:

=====================  =============================
loss                   here
=====================  =============================
0.5 * reg * sum(W**2)  `fastmlp.NeuralNetwork`, `FirstNeuralNetwork`, `EarlierNeuralNetwork`, `FullyConnectedNet`, the
                       modular `TwoLayerNet`
reg * sum(W**2)        the older `TwoLayerNet`, as its notebooks have it from 2017 on; for those of 2015 and 2016, which
                       have 0.5 in front, pass `reg / 2`; elsewhere pass `2 * reg`
reg / (2 * N) * ...    pass `reg / N`, for a batch of N rows
=====================  =============================
"""

from fastmlp.courses.cs231n import FullyConnectedNet, TwoLayerNet
from fastmlp.courses.cs498 import EarlierNeuralNetwork, FirstNeuralNetwork, LaterNeuralNetwork

__all__ = ["EarlierNeuralNetwork", "FirstNeuralNetwork", "FullyConnectedNet", "LaterNeuralNetwork", "TwoLayerNet"]
