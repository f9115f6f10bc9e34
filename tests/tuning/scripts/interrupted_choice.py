"""Interrupts 200 choices among many combinations; each time, the ledger can be used afterwards."""

import random
import signal

from fastmlp.tuning.ledger import Ledger


def interrupt(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, interrupt)
chance = random.Random(0)
ledger = Ledger(None, None)
candidates = {str(i): i for i in range(1000)}
for _ in range(200):
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0001, 0.001))
        while True:
            ledger.consider(candidates)
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 10)  # ends the script by an error where the lock was left locked
        ledger.consider({})
        signal.setitimer(signal.ITIMER_REAL, 0)
print("usable")
