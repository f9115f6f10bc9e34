"""The process of one system: takes one request a line on its standard input, in JSON, and answers each with one.

`benchmarks.processes` starts it, as `python -m benchmarks.worker SPECIFICATION`. Processors are chosen before any
library is loaded, since most libraries count them once.
"""

import contextlib
import ctypes
import dataclasses
import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
TRIALS = 5


def memory(field):
    """Bytes, as /proc/self/status has them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[field].split()[0]) * 1024


def delay():
    """Seconds that the threads of this process have waited for a processor, /proc/PID/schedstat's second field."""
    waited = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # the thread has ended
            waited += int(path.read_text().split()[1])
    return waited * 1e-9


def timed(work):
    """Seconds that a call takes, seconds of processor time by all threads, and seconds that these waited for it."""
    gc.disable()
    waited = delay()
    start, busy = time.perf_counter(), time.process_time()
    work()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    waited = delay() - waited
    gc.enable()
    gc.collect()
    return {"seconds": seconds, "busy": busy, "delayed": waited}


class Server:
    """What a process answers; its public methods are the requests."""

    def __init__(self, specification):
        import numpy as np

        from benchmarks.cases import Case
        from benchmarks.systems import system_class

        self.np, self.make = np, system_class(specification["system"])
        self.folder, self.threads = Path(specification["folder"]), specification["threads"]
        self.case = Case(**{**specification["case"], "sizes": tuple(specification["case"]["sizes"])})
        data, weights = self._load()
        self.held_out = {name: data[name] for name in ("X_val", "X_test") if name in data}
        self.X = data["X"] if self.case.kind == "predict" else None
        self.classes = {}
        self.loaded = memory("VmHWM")
        with contextlib.suppress(OSError):  # the peak starts anew, where that is allowed
            Path("/proc/self/clear_refs").write_text("5")
        self.before = memory("VmHWM")
        self.system = self.make(self.case, data.pop("X"), data.pop("y"), weights, self.threads)

    def _load(self):
        dtype = self.make.dtype or self.case.dtype
        # one after the other, so that no more than one is in memory twice
        data = {
            path.stem: self.np.load(path).astype(self.np.intp if path.stem == "y" else dtype, copy=False)
            for path in sorted(self.folder.glob("*.npy"))
        }
        return data, dict(self.np.load(self.folder / "weights.npz"))

    def block(self, number):
        """Time one block."""
        self.system.reset()
        start, stop = self.case.rows_of_block(number)
        work = self._predict if self.case.kind == "predict" else self._train
        return timed(lambda: work(start, stop, number))

    def _predict(self, start, stop, seed):
        batch, predict = self.case.batch, self.system.predict
        self.classes["X"] = [predict(self.X[i : i + batch]) for i in range(start, stop, batch)]

    def _train(self, start, stop, seed):
        self.system.train(start, stop, seed)
        for name, X in self.held_out.items():  # as the notebook does after each epoch
            self.classes[name] = [self.system.predict(X)]

    def tune(self):
        """Try the numbers of threads that the system names, and keep the fastest: for small networks, one."""
        seconds = {}
        for threads in self.system.thread_choices:
            self.system.use_threads(threads)
            seconds[threads] = min(self.block(0)["seconds"] for _ in range(TRIALS))
        if seconds:
            self.system.use_threads(min(seconds, key=seconds.get))

    def phases(self, number):
        """Seconds that one step spends in each of its phases, over a block."""
        self.system.reset()
        return self.system.phases(*self.case.rows_of_block(number), number)

    def peak(self):
        """Operations a second that the processors can compute; None if that cannot be measured."""
        # in a process of its own: its threads would else be counted in the next block
        command = [sys.executable, "-m", "benchmarks.peak", self.case.dtype, str(self.threads)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def finish(self):
        """Bytes of memory, and the number of threads that was chosen."""
        peak = memory("VmHWM")
        found = {"VmHWM": max(peak, self.loaded), "RssAnon": memory("RssAnon"), "grown": peak - self.before}
        return found | {"threads": self.system.threads}

    def result(self, path):
        """Write predictions and weights after the last block; nothing if the system has none."""
        classes = {name: found for name, found in self.classes.items() if found[0] is not None}
        arrays = {f"classes of {name}": self.np.concatenate(found) for name, found in classes.items()}
        if self.case.kind != "predict":
            arrays |= self.system.weights()
        if arrays:
            self.np.savez(path, **arrays)

    def result_with_sgd(self, path):
        """Train on the first block with SGD, and write the result: Adam's hardly depends on a gradient's size."""
        self.case = dataclasses.replace(self.case, optimizer="SGD")
        data, weights = self._load()
        self.system = self.make(self.case, data["X"], data["y"], weights, self.threads)
        self.block(0)
        self.result(path)


def main():
    specification = json.loads(sys.argv[1])
    # a stopped process would outlive a coordinator that was killed
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
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
