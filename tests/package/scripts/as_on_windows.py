"""Trains, saves, resumes, searches and runs the command where the system lacks what Windows lacks; prints the results.

With the argument "here" nothing is taken away. Files are written into the working folder.
"""

import builtins
import contextlib
import ctypes
import errno
import importlib
import io
import json
import os
import signal
import stat
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

# what the package uses, or might come to use
LACKING = {
    os: (
        "O_TMPFILE O_PATH O_NONBLOCK O_DIRECTORY O_CLOEXEC fork forkpty register_at_fork sched_getaffinity fchmod "
        "chown mkfifo geteuid getuid uname sysconf statvfs pread pwrite"
    ),
    signal: "SIGHUP SIGALRM SIGUSR1 SIGKILL pthread_sigmask pthread_kill setitimer",
}
MODULES = ("fcntl", "resource", "termios", "pwd", "grp")


def take_away():
    """Take from this process what Windows does not have, as far as one can."""
    # other packages are as the system is
    for name in (
        "scipy.linalg.cython_blas",
        "click",
        "tqdm.auto",
        "pandas",
        "matplotlib.figure",
        "matplotlib.backends.backend_agg",
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for module, names in LACKING.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    sys.modules.update(dict.fromkeys(MODULES))
    tempfile._O_TMPFILE_WORKS = False
    os.supports_fd = os.supports_fd - {os.chmod}
    os.open, io.open, os.stat = (refusing(function) for function in (os.open, io.open, os.stat))
    builtins.open = io.open
    ctypes.CDLL = Library
    np.random.RandomState, np.arange = Generator, short_arange
    sys.platform = "win32"
    # files of text have an encoding, since that of Windows is none of Unicode's; of Linux alone are /proc and /sys
    warnings.filterwarnings("error", category=EncodingWarning, module=r"fastmlp\.(?!engine\.quotas|environment)")


def refusing(function):
    """The function, without /proc, and without files that are folders."""

    def refuse(path, *arguments, **options):
        if not isinstance(path, int):
            text = os.fspath(path)
            if str(text).startswith("/proc"):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), text)
            if function is not found and "opener" not in options and os.path.isdir(text):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), text)
        return function(path, *arguments, **options)

    return refuse


found = os.stat


class Library:
    """A DLL that has been loaded, whose names do not lead to the functions of those that it is linked with."""

    def __init__(self, name):
        if name is None:
            raise TypeError("LoadLibrary() argument 1 must be str, not None")


class Generator(np.random.RandomState):
    """NumPy's, whose integers are C's longs, which have 32 bits on Windows."""

    def permutation(self, n):
        return super().permutation(n).astype(np.int32)


def short_arange(*arguments, dtype=np.int32, arange=np.arange, **options):
    """NumPy's before version 2, for integers."""
    return arange(*arguments, dtype=dtype, **options)


def work():
    """What a user does with files and threads."""
    from fastmlp import NeuralNetwork, load_digits
    from fastmlp.engine.blas import find_blas
    from fastmlp.engine.threads import available_threads
    from fastmlp.environment import environment
    from fastmlp.files.access import check_writable
    from fastmlp.tuning import search

    X, y = load_digits()
    options = {"seed": 0, "X_val": X[:200], "y_val": y[:200]}

    def trained(epochs, **more):
        network = NeuralNetwork(64, [32], 10, seed=1, dtype="float32")
        network.fit(X, y, epochs=epochs, checkpoint="net.checkpoint.npz", checkpoint_seconds=0, **more, **options)
        return network

    trained(2)
    network = trained(4, resume=True)
    network.train_epoch(X, y)
    network.train_epoch(X.astype(np.int64), y)
    network.save("net.npz")
    network.save("net.npz")
    found = search({"learning_rate": [1e-3, 1e-2], "epochs": 1}, X, y, X[:200], y[:200], seed=0, folder=Path("search"))
    again = search({"learning_rate": [1e-3, 1e-2], "epochs": 1}, X, y, X[:200], y[:200], seed=0, folder=Path("search"))
    Path("only read").touch()
    os.chmod("only read", stat.S_IREAD)
    try:
        check_writable("only read")
    except PermissionError as error:
        refused = str(error)
    else:
        refused = None
    return {
        "losses": [epoch.val_loss for epoch in network.history],
        "weights": float(np.square(NeuralNetwork.load("net.npz").params["W1"], dtype=np.float64).sum()),
        "search": [trial.val_score for trial in found.trials] + [trial.val_score for trial in again.trials],
        "left": sorted(path.name for path in Path().iterdir()),
        "threads": available_threads() >= 1,
        "environment": all(environment().values()),
        "blas": find_blas().description,
        "refused": refused,
    }


def command(*arguments):
    """The command's exit status."""
    from fastmlp.cli import main

    sys.argv = ["fastmlp", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "away":
        take_away()
    sys.argv[1:] = sys.argv[2:]
    if sys.argv[1:]:
        sys.exit(command(*sys.argv[1:]))
    print(json.dumps(work()))
