"""The search: trials in threads, one network each, all on the same arrays."""

import concurrent.futures
import dataclasses
import math
import os
import queue
import threading
from _thread import start_new_thread
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastmlp.engine import threads
from fastmlp.interface.calls import advised
from fastmlp.network import NeuralNetwork
from fastmlp.optional import require
from fastmlp.preprocessing import Standardizer
from fastmlp.tuning.ledger import TRIALS, Ledger
from fastmlp.tuning.results import Trial, has_only
from fastmlp.tuning.space import HYPER_PARAMETERS, Plan, combinations, plan
from fastmlp.tuning.trainer import Trainer
from fastmlp.validation import boolean, float_dtype, integer


class Search(NamedTuple):
    """What a search found.

    Attributes
    ----------
    trials : list of Trial
        In the order of the combinations; of a halving, round after round.
    best : Trial
        The one with the highest accuracy on the validation rows among those that were trained for all their epochs; of
        equal ones that with the lower loss, then the first.
    network : NeuralNetwork
        As that trial left it.
    test_accuracy : float
        Of this network; NaN where there are no test rows.

    Examples
    --------
    >>> from fastmlp.tuning import search
    >>> X, y = [[0.0], [1.0]] * 4, [0, 1] * 4
    >>> found = search({"hidden_sizes": [[8], [4, 4]], "learning_rate": 0.5, "epochs": 20}, X, y, X, y)
    >>> len(found.trials), found.best.val_accuracy, found.network.predict([[0.0], [1.0]]).tolist()
    (2, 1.0, [0, 1])
    """

    trials: list[Trial]
    best: Trial
    network: NeuralNetwork
    test_accuracy: float


@advised(lambda space: {"the space": HYPER_PARAMETERS})
def search(
    space: Mapping[str, Any],
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    X_val: npt.ArrayLike,
    y_val: npt.ArrayLike,
    *,
    n_trials: int | None = None,
    halving: int | None = None,
    X_test: npt.ArrayLike | None = None,
    y_test: npt.ArrayLike | None = None,
    dtype: npt.DTypeLike = np.float32,
    standardizer: Standardizer | None = None,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    seed: int = 0,
    n_workers: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Search:
    """Train a network for each combination of hyper-parameters, and keep the best.

    All networks start from the same seed and see the same batches, so that they differ by their hyper-parameters alone.
    Each is trained by one thread, several at a time, on the arrays as they are. What comes out depends neither on the
    number of threads nor on which trial ends first.

    Parameters
    ----------
    space : mapping
        By name (`fastmlp.tuning.HYPER_PARAMETERS`), a value, a list of choices, or, with `n_trials`, a distribution
        with a method `rvs(random_state=...)`, such as `scipy.stats.loguniform(1e-4, 1e-1)`. Hidden layers are either
        `num_layers`, at most 10,000, and `hidden_size`, or `hidden_sizes`, each choice a list. What is not named is as
        in `fit`, with two hidden layers of 120.
    X, y, X_val, y_val : array_like
        As in `NeuralNetwork.fit`; arrays of another type than uint8, float32 and float64 are converted once, as a
        whole. There are as many classes as the largest label says.
    n_trials : int, optional
        Draw so many combinations at random, all different, in place of trying all; fewer where the space has no more.
    halving : int, optional
        Successive halving (Jamieson and Talwalkar, AISTATS 2016): train all for a few epochs, the best 1 / `halving` of
        them for `halving` times as many, and so on; the last ones for all their epochs. Each round starts anew.
    X_test, y_test : array_like, optional
        The best network is tested on them, once.
    dtype : float32 or float64
    standardizer : Standardizer, optional
        As in `NeuralNetwork`, for all of them.
    class_names, feature_names : sequence of str, optional
        As in `NeuralNetwork`; there are as many classes as names then. A network from `folder` gets them too.
    seed : int
        For the combinations drawn, the weights and the batches.
    n_workers : int, optional
        Networks that are trained at a time; by default as many as a network would use threads.
    folder : path-like, optional
        Gets `trials.jsonl` and `best.npz`, the best network so far of the search under way. A search that was stopped
        goes on from there, and one of another space that has trials in common uses these: no trial runs twice, but for
        a best network that is lost. The first line of `trials.jsonl` says what is searched; each other is a JSON object
        of one trial, written down as soon as it ends: `hyper_parameters`, the combination; `training`, all that it
        means; and `history`, lists by epoch.
    progress : bool
        Show a progress bar with the best so far (extra `progress`).

    Returns
    -------
    Search

    Raises
    ------
    fastmlp.tuning.ResultsFileError
        If the folder has the results of another search, or one that is running.
    TypeError, ValueError
        If an argument or a combination makes no sense; nothing has been trained then.
    RuntimeError
        If training diverged with every combination.
    KeyboardInterrupt
        Within a fraction of a second; a validation under way ends first. What is finished is kept.

    Examples
    --------
    >>> from fastmlp import load_digits
    >>> from fastmlp.tuning import search
    >>> X, y = load_digits()
    >>> space = {"num_layers": 2, "hidden_size": [4, 32], "learning_rate": [0.05, 0.2], "batch_size": 32}
    >>> found = search(space, X[:1200] / 16, y[:1200], X[1200:] / 16, y[1200:])
    >>> len(found.trials), found.best.hyper_parameters["hidden_size"]
    (4, 32)
    """
    trainer = Trainer(
        X,
        y,
        X_val,
        y_val,
        X_test,
        y_test,
        float_dtype("dtype", dtype),
        standardizer,
        class_names,
        feature_names,
        integer("seed", seed, 0, 2**32 - 1),
    )
    n_workers = threads.available_threads() if n_workers is None else integer("n_workers", n_workers)
    wanted = combinations(space, n_trials, trainer.seed)
    plans = [plan(combination) for combination in wanted]
    for one in plans:
        one.settings.n_batches(len(trainer.X))
    rounds = _rounds(len(wanted), halving)
    with _bar(boolean("progress", progress), sum(n for n, _ in rounds)) as show, Ledger(folder, trainer) as ledger:
        # a short training may be a whole one
        ledger.consider({one.key: place for place, one in enumerate(plans)})

        def train(chosen: Iterable[int], factor: int) -> dict[int, Trial]:
            """The trials of these places, with so many times fewer epochs; those that are missing are trained."""
            asked = {place: plans[place].shortened(factor) for place in chosen}
            if factor == 1:
                ledger.consider({one.key: place for place, one in asked.items()})
            missing = {one.key: (wanted[place], one) for place, one in asked.items() if one.key not in ledger.trials}
            done = [ledger.trials[one.key] for one in asked.values() if one.key not in missing]
            show(done)
            # closed, so that an interruption here stops the workers too
            with closing(_train_all(missing.values(), trainer, ledger, n_workers)) as finished_now:
                for trial in finished_now:
                    show([trial])
            # a trial of another place, or of an earlier search, may say the same in other words
            return {
                place: dataclasses.replace(ledger.trials[one.key], hyper_parameters=wanted[place])
                for place, one in asked.items()
            }

        trials: list[Trial] = []
        latest: dict[int, Trial] = {}
        survivors = list(range(len(wanted)))
        for n_survivors, factor in rounds:
            if latest:
                survivors = sorted(sorted(survivors, key=lambda i: latest[i].rank, reverse=True)[:n_survivors])
            latest |= (finished := train(survivors, factor))
            trials += finished.values()
        while ledger.best is None:
            # the next best of a halving whose finalists diverged
            rest = [place for place, trial in latest.items() if not trial.diverged]
            if not rest:
                raise RuntimeError(
                    f"training diverged with all of the {len(wanted)} combinations; try lower learning rates, and "
                    "look for NaN or huge values in X"
                )
            latest |= (finished := train([max(rest, key=lambda i: (latest[i].epochs, latest[i].rank, -i))], 1))
            trials += finished.values()
        (best,) = (place for place in finished if plans[place].key == ledger.best)
        network = ledger.network
        if network is None:
            network = trainer.train(plans[best])[1]
            ledger.keep(network)
    return Search(trials, finished[best], network, trainer.test(network))


def is_begun(
    folder: Path, space: Mapping[str, Any], *, n_trials: int | None, halving: int | None, dtype: str, **data: Any
) -> bool:
    """Whether all trials of a folder are some of the search with these arguments, which then only adds to it."""
    path = folder / TRIALS
    if not path.is_file():
        return False
    trainer = Trainer(dtype=float_dtype("dtype", dtype), **data)
    wanted = combinations(space, n_trials, trainer.seed)
    factors = {1, *(factor for _, factor in _rounds(len(wanted), halving))}
    keys = {plan(combination).shortened(factor).key for combination in wanted for factor in factors}
    return has_only(path, trainer.identity(), keys)


def _train_all(
    asked: Iterable[tuple[dict[str, Any], Plan]], trainer: Trainer, ledger: Ledger, n_workers: int
) -> Generator[Trial, None, None]:
    """Train a network for each combination that is asked for, and enter it in the ledger as soon as it is done."""
    # the long ones first, or they end when nobody else has anything left to do
    longest_first = sorted(asked, key=lambda item: item[1].work(trainer.X.shape[1]), reverse=True)
    finished: queue.SimpleQueue[Trial | None] = queue.SimpleQueue()
    failures: list[BaseException] = []
    managing = threading.Lock()

    def work(combination: dict[str, Any], one: Plan) -> Trial:
        history, network = trainer.train(one)
        trial = Trial(combination, one.settings.epochs, history)
        ledger.add(one, trial, network)
        return trial

    def manage() -> None:
        with managing:
            if trainer.stopped:  # nobody waits any more
                return
            pool = concurrent.futures.ThreadPoolExecutor(n_workers)
            try:
                for future in concurrent.futures.as_completed([pool.submit(work, *item) for item in longest_first]):
                    finished.put(future.result())
            except BaseException as error:
                failures.append(error)
                trainer.stopped = True
            pool.shutdown(cancel_futures=True)
            finished.put(None)

    try:
        # Nothing of this in the main thread, which a signal may interrupt anywhere, within the locks of futures and of
        # threads too, which then stay locked. This starts a thread without any.
        start_new_thread(manage, ())
        while True:
            # time and again, since a signal that comes just as a wait begins does not end it
            with suppress(queue.Empty):
                if (trial := finished.get(timeout=0.1)) is None:
                    break
                yield trial
    except BaseException:
        trainer.stopped = True
        with managing:  # once all have stopped
            raise
    if failures:
        raise failures[0]


def _rounds(n: int, halving: int | None) -> list[tuple[int, int]]:
    """How many take part in each round, and how many times fewer epochs they get; one round without a halving."""
    if halving is None:
        return [(n, 1)]
    factor, exponent = integer("halving", halving, 2), 0
    while factor ** (exponent + 1) <= n:
        exponent += 1
    return [(max(1, n // factor**i), factor ** (exponent - i)) for i in range(exponent + 1)]


@contextmanager
def _bar(progress: bool, total: int) -> Iterator[Callable[[list[Trial]], None]]:
    """A progress bar over trials, or nothing; gives the function that is told of finished ones, and shows the best."""
    if not progress:
        yield lambda trials: None
        return
    with require("tqdm.auto", "progress", "progress=True").tqdm(total=total, unit="trial") as bar:
        best = -math.inf

        def show(trials: list[Trial]) -> None:
            nonlocal best
            best = max([best, *(trial.val_accuracy for trial in trials if not trial.diverged)])
            if best >= 0:
                bar.set_postfix_str(f"best {best:.4f}", refresh=False)
            bar.update(len(trials))

        yield show
