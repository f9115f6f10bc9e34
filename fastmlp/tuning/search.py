"""The search: trials in threads, one network each, all on the same arrays."""

import concurrent.futures
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastmlp import threads
from fastmlp.network import NeuralNetwork
from fastmlp.optional import require
from fastmlp.tuning.ledger import Ledger
from fastmlp.tuning.results import Trial
from fastmlp.tuning.space import Plan, combinations, plan
from fastmlp.tuning.trainer import Trainer
from fastmlp.validation import float_dtype, integer


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
    """

    trials: list[Trial]
    best: Trial
    network: NeuralNetwork
    test_accuracy: float


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
        `num_layers` and `hidden_size`, or `hidden_sizes`, each choice a list. What is not named is as in `fit`, with
        two hidden layers of 120.
    X, y, X_val, y_val : array_like
        As in `NeuralNetwork.fit`. There are as many classes as y has.
    n_trials : int, optional
        Draw so many combinations at random, all different, in place of trying all.
    halving : int, optional
        Successive halving (Jamieson and Talwalkar, AISTATS 2016): train all for a few epochs, the best 1 / `halving` of
        them for `halving` times as many, and so on; the last ones for all their epochs. Each round starts anew.
    X_test, y_test : array_like, optional
        The best network is tested on them, once.
    dtype : float32 or float64
    seed : int
        For the combinations drawn, the weights and the batches.
    n_workers : int, optional
        Networks that are trained at a time; by default as many as a network would use threads.
    folder : path-like, optional
        Gets `trials.jsonl`, a line for each trial as it ends, and `best.npz`, the best network so far. A search that
        was stopped goes on from there: no trial runs twice.
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
    trainer = Trainer(X, y, X_val, y_val, float_dtype("dtype", dtype), integer("seed", seed, 0, 2**32 - 1))
    n_workers = threads.available_threads() if n_workers is None else integer("n_workers", n_workers)
    test = trainer.checked_test(X_test, y_test)
    wanted = combinations(space, n_trials, trainer.seed)
    plans = [plan(combination) for combination in wanted]
    for one in plans:
        one.settings.n_batches(len(trainer.X))
    rounds = [(len(wanted), 1)] if halving is None else _rounds(len(wanted), integer("halving", halving, 2))
    trials: list[Trial] = []
    survivors = list(range(len(wanted)))
    with Ledger(folder, trainer.identity(), plans) as ledger, _bar(progress, sum(n for n, _ in rounds)) as show:
        ledger.restore(trainer.X_val, trainer.y_val)
        for n_survivors, factor in rounds:
            if trials:
                ranks = {place: trial.rank for place, trial in zip(survivors, trials[-len(survivors) :], strict=True)}
                survivors = sorted(sorted(survivors, key=ranks.__getitem__, reverse=True)[:n_survivors])
            asked = {place: plans[place].shortened(factor) for place in survivors}
            missing = {one.key: (wanted[place], one) for place, one in asked.items() if one.key not in ledger.trials}
            show(len(asked) - len(missing), ledger.best)
            _train_all(missing.values(), trainer, ledger, n_workers, lambda: show(1, ledger.best))
            trials += [ledger.trials[one.key] for one in asked.values()]
        if ledger.best is None:
            raise RuntimeError(
                f"training diverged with all of the {len(wanted)} combinations; try lower learning rates"
            )
        if ledger.network is None:
            ledger.keep(trainer.train(plan(ledger.best.hyper_parameters))[1])
    assert ledger.network is not None
    accuracy = math.nan if test is None else ledger.network.score(*test)
    return Search(trials, ledger.best, ledger.network, accuracy)


def _train_all(
    asked: Iterable[tuple[dict[str, Any], Plan]],
    trainer: Trainer,
    ledger: Ledger,
    n_workers: int,
    show: Callable[[], None],
) -> None:
    """Train a network for each combination that is asked for, and enter it in the ledger as soon as it is done."""

    def work(combination: dict[str, Any], one: Plan) -> None:
        history, network = trainer.train(one)
        # here, not in the main thread, which a signal may interrupt anywhere
        ledger.add(Trial(combination, one.settings.epochs, history), network)

    with concurrent.futures.ThreadPoolExecutor(n_workers) as pool:
        try:
            # the long ones first, or they end when nobody else has anything left to do
            longest_first = sorted(asked, key=lambda item: item[1].work(trainer.X.shape[1]), reverse=True)
            futures = [pool.submit(work, *item) for item in longest_first]
            for future in concurrent.futures.as_completed(futures):
                future.result()
                show()
        except BaseException:
            trainer.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _rounds(n: int, factor: int) -> list[tuple[int, int]]:
    """Of a successive halving: how many take part in each round, and how many times fewer epochs they get."""
    exponent = 0
    while factor ** (exponent + 1) <= n:
        exponent += 1
    return [(max(1, n // factor**i), factor ** (exponent - i)) for i in range(exponent + 1)]


@contextmanager
def _bar(progress: bool, total: int) -> Iterator[Callable[[int, Trial | None], None]]:
    """A progress bar over trials, or nothing; gives the function that advances it and shows the best so far."""
    if not progress:
        yield lambda n_done, best: None
        return
    with require("tqdm.auto", "progress", "progress=True").tqdm(total=total, unit="trial") as bar:

        def show(n_done: int, best: Trial | None) -> None:
            if best is not None:
                bar.set_postfix_str(f"best {best.val_accuracy:.4f}", refresh=False)
            bar.update(n_done)

        yield show
