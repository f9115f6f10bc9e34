"""The process of one system: takes one request a line on its standard input, in JSON, and answers each with one.

`benchmarks.rounds` starts it, as `python -m benchmarks.worker SPECIFICATION`. Processors are settled before any library
is loaded, since most count them once.
"""

import contextlib
import gc
import json
import os
import sys
import time
from pathlib import Path


def memory():
    """Bytes: this process's peak of resident memory, and its anonymous pages now, without those of mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 for name in ("VmHWM", "RssAnon")}


def timed(work, *arguments):
    """Seconds, and seconds of processor time by all threads, that a call takes, and what it returns."""
    gc.disable()
    start, busy = time.perf_counter(), time.process_time()
    result = work(*arguments)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    gc.enable()
    gc.collect()
    return {"seconds": seconds, "busy": busy}, result


class Server:
    """What a process answers; its methods are the requests."""

    def __init__(self, specification):
        import numpy as np

        from benchmarks.cases import Case
        from benchmarks.systems import system_class

        self.np, folder = np, Path(specification["folder"])
        case = {**specification["case"], "sizes": tuple(specification["case"]["sizes"])}
        self.case = Case(**case)
        data = {path.stem: np.load(path) for path in folder.glob("*.npy")}
        weights = dict(np.load(folder / "weights.npz"))
        self.held_out = [data[name] for name in ("X_val", "X_test") if name in data]
        self.X = data["X"]
        make = system_class(specification["system"])
        self.before = memory()["VmHWM"]
        self.system = make(self.case, self.X, data["y"], weights, specification["threads"])

    def block(self, number):
        """Time one block."""
        self.system.reset()
        start, stop = self.case.rows_of_block(number)
        if self.case.kind == "predict":
            return timed(self._predict, self.X[start:stop])[0]
        return timed(self._train, start, stop, number)[0]

    def _predict(self, X):
        for _ in range(self.case.steps):
            self.classes = self.system.predict(X)

    def _train(self, start, stop, seed):
        self.system.train(start, stop, seed)
        # as the notebook does after each epoch
        for X in self.held_out:
            self.system.predict(X)

    def phases(self, number):
        """Seconds that one step spends in each of its phases, over a block."""
        self.system.reset()
        return self.system.phases(*self.case.rows_of_block(number), number)

    def peak(self):
        """Operations a second that the matrix products reach at best."""
        return {"peak": self.system.peak()}

    def finish(self, path):
        """Write what the last block came to, and tell the memory."""
        used = memory()
        used["grown"] = used["VmHWM"] - self.before
        result = self.system.weights()
        if self.case.kind == "predict" and result is not None:
            result = {"classes": self.classes}
        if result is not None:
            self.np.savez(path, **result)
        return used


def main():
    specification = json.loads(sys.argv[1])
    os.sched_setaffinity(0, specification["processors"])
    # libraries may print; the answers have a channel of their own
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = Server(specification)
    gc.freeze()  # so that collecting between blocks does not go through the libraries' own objects
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        print(json.dumps(getattr(server, method)(*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
