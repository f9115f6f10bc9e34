"""A block of steps with a look at the clock between the phases of each."""

import time

import numpy as np

PHASES = ("gather", "forward", "backward", "update")


def phases(gather, forward, backward, update, batches):
    """Mean seconds of each phase; `gather` takes the batch's indices, the others what it returned."""
    clock, marks = time.perf_counter, np.empty((len(batches), len(PHASES) + 1))
    for i, indices in enumerate(batches):
        start = clock()
        batch = gather(indices)
        gathered = clock()
        forward(batch)
        propagated = clock()
        backward(batch)
        differentiated = clock()
        update(batch)
        marks[i] = start, gathered, propagated, differentiated, clock()
    return dict(zip(PHASES, np.diff(marks).mean(axis=0).tolist(), strict=True))
