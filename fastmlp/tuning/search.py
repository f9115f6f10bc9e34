"""The search: trials in threads, one network each, all on the same arrays."""

import dataclasses
import inspect
import math
import os
import queue
import time
from _thread import start_new_thread
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from fastmlp.engine import threads
from fastmlp.interface.calls import unexpected
from fastmlp.network import NeuralNetwork
from fastmlp.progress import tqdm_bar
from fastmlp.tuning.ledger import TRIALS, Ledger
from fastmlp.tuning.plan import Plan
from fastmlp.tuning.results import Trial, has_only
from fastmlp.tuning.runner import TrialRunner
from fastmlp.tuning.space import HYPER_PARAMETERS, Configuration, combinations
from fastmlp.validation import boolean

OPTIONS = tuple(field.name for field in dataclasses.fields(Plan))


class Search(NamedTuple):
    """The result of a search.

    Attributes
    ----------
    trials : list of Trial
        In the order of the combinations; of a halving, round after round.
    best : Trial
        The one with the highest score (accuracy, or R2 of a regression) on the validation rows among those that were
        trained for all their epochs; of equal ones that with the lower loss, then the first.
    network : NeuralNetwork
        The network of that trial.
    test_score : float
        Of this network; NaN without test rows.
    """

    trials: list[Trial]
    best: Trial
    network: NeuralNetwork
    test_score: float

    @property
    def test_accuracy(self) -> float:
        """Of a classifier: its `test_score`."""
        return self.test_score


def search(
    space: Mapping[str, Any],
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    X_val: npt.ArrayLike,
    y_val: npt.ArrayLike,
    plan: Plan | None = None,
    *,
    X_test: npt.ArrayLike | None = None,
    y_test: npt.ArrayLike | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool = False,
    **options: Any,
) -> Search:
    """Train a network for each combination of hyper-parameters, and keep the best.

    All networks start from the same seed and see the same batches, so that they differ by their hyper-parameters alone.
    Each is trained by one thread, several at a time, on the arrays as they are. The result depends neither on the
    number of threads nor on which trial ends first.

    Parameters
    ----------
    space : mapping
        By name (`fastmlp.tuning.HYPER_PARAMETERS`), a value, a list of choices, or, with `n_trials`, a distribution
        with a method `rvs(random_state=...)`, such as `scipy.stats.loguniform(1e-4, 1e-1)`. Hidden layers are either
        `num_layers`, at most 10,000, and `hidden_size`, or `hidden_sizes`, each choice a list. A choice of `activation`
        is a name, or a list with one for each hidden layer; one of `dropout` is a rate, or a list with the inputs'
        first. Defaults are those of `NeuralNetwork` and `fit`, with two hidden layers of 120.
    X, y, X_val, y_val : array_like
        As in `NeuralNetwork.fit`; arrays of another type than uint8, float32 and float64 are converted once, as a
        whole. The number of classes is one more than the largest label.
    plan : Plan, optional
        The settings of the search as a whole.
    X_test, y_test : array_like, optional
        The best network is tested on them, once.
    folder : path-like, optional
        Gets `trials.jsonl` and `best.npz`, the best network so far of the search under way. A search that was stopped
        is continued from there, and one of another space that has trials in common uses these: no trial runs twice,
        except for a best network that is lost. The first line of `trials.jsonl` identifies the data; each other is a
        JSON object of one trial, written as soon as it ends: `hyper_parameters`, the combination; `training`, all
        settings; and `history`, lists by epoch.
    progress : bool
        Show a progress bar with the best score so far (extra `progress`).
    **options
        Fields of `Plan`, as keywords: `n_trials`, `halving`, `loss`, `label_smoothing`, `delta`,
        `class_weight`, `dtype`, `standardizer`, `class_names`, `feature_names`, `seed`, `n_workers`. They replace those
        of `plan`.

    Returns
    -------
    Search

    Raises
    ------
    fastmlp.tuning.ResultsFileError
        If the folder has the results of another search, or of one that is running.
    TypeError, ValueError
        If an argument or a combination is invalid; nothing has been trained then.
    RuntimeError
        If training diverged with every combination.
    KeyboardInterrupt
        Within a fraction of a second; a validation under way ends first. Finished trials are kept.

    Examples
    --------
    >>> from fastmlp import load_digits
    >>> from fastmlp.tuning import search
    >>> X, y = load_digits()
    >>> space = {"num_layers": 2, "hidden_size": [4, 32], "learning_rate": [0.05, 0.2], "batch_size": 32}
    >>> found = search(space, X[:1200] / 16, y[:1200], X[1200:] / 16, y[1200:], seed=1)
    >>> len(found.trials), found.best.hyper_parameters["hidden_size"]
    (4, 32)
    """
    if options.keys() - OPTIONS:
        arguments = [*list(inspect.signature(search).parameters)[:-1], *OPTIONS]
        raise TypeError(unexpected("search", options, arguments, {"the space": HYPER_PARAMETERS}))
    if not isinstance(plan, Plan | None):
        raise TypeError(f"plan must be a fastmlp.tuning.Plan, got {plan!r}")
    plan = dataclasses.replace(plan or Plan(), **options)
    runner = TrialRunner(plan, X, y, X_val, y_val, X_test, y_test)
    wanted = combinations(space, plan.n_trials, plan.seed)
    configurations = [Configuration.from_dict(combination) for combination in wanted]
    for configuration in configurations:
        configuration.settings.n_batches(len(runner.X))
    rounds = plan.rounds(len(wanted))
    n_workers = plan.n_workers or threads.available_threads()
    bar = tqdm_bar(boolean("progress", progress), total=sum(n for n, _ in rounds), unit="trial")
    with bar as advance, Ledger(folder, runner) as ledger:
        best_score = -math.inf
        trials: list[Trial] = []
        latest: dict[int, Trial] = {}  # of each combination, by its number

        def show(ended: list[Trial]) -> None:
            nonlocal best_score
            best_score = max([best_score, *(trial.val_score for trial in ended if not trial.diverged)])
            advance(len(ended), f"best {best_score:.4f}" if math.isfinite(best_score) else "")

        # a short trial of a halving may be the whole training of another combination
        ledger.consider({configuration.key: i for i, configuration in enumerate(configurations)})

        def train(chosen: Iterable[int], divisor: int) -> None:
            """Add the trials of these combinations, with their epochs divided; those that are missing are trained."""
            asked = {i: configurations[i].shortened(divisor) for i in chosen}
            if divisor == 1:
                ledger.consider({one.key: i for i, one in asked.items()})
            missing = {one.key: (wanted[i], one) for i, one in asked.items() if one.key not in ledger.trials}
            show([ledger.trials[one.key] for one in asked.values() if one.key not in missing])
            # closed, so that an interruption here stops the workers too
            with closing(_train_all(missing.values(), runner, ledger, n_workers)) as finished:
                for trial in finished:
                    show([trial])
            for i, one in asked.items():
                # the same training may be known by another combination
                latest[i] = dataclasses.replace(ledger.trials[one.key], hyper_parameters=wanted[i])
                trials.append(latest[i])

        survivors = list(range(len(wanted)))
        for n_survivors, divisor in rounds:
            if latest:
                survivors = sorted(sorted(survivors, key=lambda i: latest[i].rank, reverse=True)[:n_survivors])
            train(survivors, divisor)
        while ledger.best is None:
            # all finalists of the halving diverged: train the next best
            rest = [i for i, trial in latest.items() if not trial.diverged]
            if not rest:
                raise RuntimeError(
                    f"training diverged with all of the {len(wanted)} combinations; try lower learning rates, and "
                    "look for NaN or huge values in X"
                )
            train([max(rest, key=lambda i: (latest[i].epochs, latest[i].rank, -i))], 1)
        (best,) = (i for i in latest if configurations[i].key == ledger.best)
        network = ledger.network
        if network is None:
            network = runner.train(configurations[best])[1]
            ledger.keep(network)
    return Search(trials, latest[best], network, runner.test(network))


def can_continue(folder: Path, space: Mapping[str, Any], plan: Plan, **arrays: npt.ArrayLike) -> bool:
    """Whether all trials of a folder belong to the search with these arguments, which then only adds to it."""
    path = folder / TRIALS
    if not path.is_file():
        return False
    wanted = [Configuration.from_dict(one) for one in combinations(space, plan.n_trials, plan.seed)]
    divisors = {1, *(divisor for _, divisor in plan.rounds(len(wanted)))}
    keys = {configuration.shortened(divisor).key for configuration in wanted for divisor in divisors}
    return has_only(path, TrialRunner(plan, **arrays).identity(), keys)


def _train_all(
    asked: Iterable[tuple[dict[str, Any], Configuration]], runner: TrialRunner, ledger: Ledger, n_workers: int
) -> Generator[Trial, None, None]:
    """Train a network for each combination, and yield the trials as they end, after the ledger has them."""
    # the longest first: one that starts last would keep a single worker busy at the end
    longest_first = sorted(asked, key=lambda item: item[1].cost(runner.X.shape[1]), reverse=True)
    left = iter(longest_first)  # shared: each item goes to one worker
    finished: queue.SimpleQueue[Trial | BaseException | None] = queue.SimpleQueue()
    working: list[None] = []

    def work() -> None:
        working.append(None)
        try:
            while not runner.stopped and (item := next(left, None)) is not None:
                combination, configuration = item
                history, network = runner.train(configuration)
                trial = Trial(combination, configuration.settings.n_epochs, history)
                ledger.add(configuration, trial, network)
                finished.put(trial)
        except BaseException as error:
            finished.put(error)
        working.pop()
        finished.put(None)

    n_running = min(n_workers, len(longest_first))
    try:
        # The main thread, where signals are handled, takes no locks of threads: an interruption would leave them
        # locked. `start_new_thread` takes none.
        for _ in range(n_running):
            start_new_thread(work, ())
        while n_running:
            # with a timeout, since a signal that arrives just before the wait does not end it
            with suppress(queue.Empty):
                answer = finished.get(timeout=0.1)
                if isinstance(answer, BaseException):
                    raise answer
                if answer is None:
                    n_running -= 1
                else:
                    yield answer
    except BaseException:
        runner.stopped = True
        while working:
            time.sleep(0.001)
        raise
