"""Trains small networks, whose products are all small; prints the instructions used and all results."""

import numpy as np

from fastmlp import NeuralNetwork, _kernels

random = np.random.RandomState(0)
X, y = random.randint(0, 256, (40, 6)).astype(np.uint8), random.randint(0, 3, 40)
print(_kernels.build_info()["simd"])
for dtype in ("float32", "float64"):
    net = NeuralNetwork(6, [5, 4], 3, dtype=dtype, seed=0)
    for optimizer in ("SGD", "Momentum"):
        net.train_epoch(X, y, batch_size=6, learning_rate=1e-4, regularization=0.1, optimizer=optimizer)
    print([w.tobytes().hex() for w in net.params.values()])
    print(net.predict(X).tolist())
