"""Interrupts 200 searches, from before a worker has started to when all are at work. Argument: the folder, if any."""

import random
import signal
import sys

import numpy as np

from fastmlp.tuning import search


def interrupt(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, interrupt)
sys.setswitchinterval(1e-6)  # threads get into each other's way more often
generator, chance = np.random.RandomState(0), random.Random(0)
X, y = generator.randn(400, 5), generator.randint(3, size=400)
folder = sys.argv[1] if len(sys.argv) > 1 else None
# half of the trials would take hours
space = {"num_layers": 2, "hidden_size": list(range(4, 12)), "epochs": [1, 10**9]}
kept = []
for _ in range(200):
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.001, 0.03))
        search(space, X, y, X, y, n_workers=16, folder=folder)
    except KeyboardInterrupt as error:
        kept.append(error)  # as a notebook does, with all that the frames hold
        print("interrupted")
