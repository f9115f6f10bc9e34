"""Calls of a network in any order, with arguments right and wrong, against `robustness.oracle`.

A right call must give the bits of a twin, which has another number of threads and is given plain copies of the arrays,
and the reference's numbers up to rounding. A wrong one must be refused by an error that names an argument that is
wrong, and change nothing.
"""

import contextlib
import copy
import functools
import pickle
import re
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from fastmlp import DivergenceError, History, NeuralNetwork
from robustness import arguments
from robustness.arguments import LABELS, ROWS, Given, Recipe, parted, some
from robustness.oracle import Oracle
from robustness.product import always_parallel

KINDS = ("calls of a network in any order, with right and wrong arguments",)
REFUSALS = (AttributeError, TypeError, ValueError, KeyError, RuntimeError)
# Calls of one network, more or less.
STEPS = 50


def exact(value: Any) -> Any:
    """What tells two values apart, arrays by all but the bits of a NaN."""
    if isinstance(value, dict):
        # moments of zeros are those of an optimiser that is new to the network
        return {key: exact(x) for key, x in value.items() if not (isinstance(x, list) and not np.any(x))}
    if isinstance(value, list | tuple):
        return [exact(x) for x in value]
    if isinstance(value, np.ndarray | float):
        array = np.asarray(value)
        same_nans = np.where(np.isnan(array), np.nan, array) if array.dtype.kind == "f" else array
        return array.dtype.str, array.shape, same_nans.tobytes()
    return value


def state(net: NeuralNetwork) -> dict[str, Any]:
    """Everything that a call could change, but for the number of threads."""
    return exact(
        {
            "parameters, moments and updates": net.snapshot(),
            "gradients": dict(net.gradients),
            "outputs": net.outputs,
            "standardizer": net.standardizer and (repr(net.standardizer), vars(net.standardizer)),
            "names": (net.class_names, net.feature_names),
            "history": None if net.history is None else [epoch[:-1] for epoch in net.history],
            "sizes": (repr(net), net.input_size, net.hidden_sizes, net.output_size, net.num_layers),
            "random numbers": np.random.get_state(),
        }
    )


class CutError(Exception):
    """The process of a training is gone."""


def cut(net: NeuralNetwork, history: History) -> None:
    """A callback that ends a training after its second epoch, of which the checkpoint has the first."""
    if len(history) == 2:
        raise CutError


def forget(*networks: NeuralNetwork) -> None:
    """Drop the last batch, as a training does."""
    for net in networks:
        net.standardizer = net.standardizer


class Networks(RuleBasedStateMachine):
    """A network, and the oracle that is called alike."""

    n_calls = 0

    def __init__(self) -> None:
        super().__init__()
        np.random.seed(0)
        self.start(NeuralNetwork(4, [5], 3, seed=0, n_threads=2))

    def start(self, net: NeuralNetwork) -> None:
        """Go on with this network, and a twin with another number of threads."""
        self.net, self.oracle = net, Oracle(copy.deepcopy(net))
        self.oracle.twin.n_threads = 2 if net.n_threads == 1 else 1
        self.snapshots: list[tuple[Any, Any, Any]] = []

    @invariant()
    def alike(self) -> None:
        """The network and the oracle's twin are the same."""
        one, other = state(self.net), state(self.oracle.twin)
        differ = [name for name in one if one[name] != other[name]]
        assert not differ, f"network and twin differ in {differ}"

    def attempt(self, wrong: set[str], call: Callable[[NeuralNetwork], Any]) -> tuple[bool, Any]:
        """Make a call, of which these arguments are wrong; gives whether it was taken, and its result or divergence."""
        Networks.n_calls += 1
        before, kept = state(self.net), (self.net.n_threads, id(self.net.history))
        refusal = None
        try:
            result = call(self.net)
        except DivergenceError as error:
            result = error
        except REFUSALS as error:
            refusal = error
        if refusal is None:
            assert not wrong, f"{wrong} are wrong, and it was taken"
            return True, result
        assert wrong, f"nothing is wrong, and it was refused: {refusal!r}"
        named = [name for name in wrong if re.search(rf"\b{re.escape(name)}\b", str(refusal), re.IGNORECASE)]
        assert named, f"{refusal!r} names none of {wrong}"
        after = state(self.net)
        changed = [name for name in before if before[name] != after[name]]
        assert not changed, f"a call that was refused has changed {changed}"
        assert (self.net.n_threads, id(self.net.history)) == kept
        return False, None

    def rows(self, recipe: Recipe) -> tuple[Given, set[str]]:
        """X, and whether it is wrong."""
        X = recipe.rows(self.net)
        right = X.plain.dtype.kind in "biuf" and X.plain.ndim == 2 and X.plain.shape[1] == self.net.input_size
        return X, set() if right else {"X"}

    def labels(self, recipe: Recipe, n_rows: int) -> tuple[Given, set[str]]:
        """Labels of these rows, at least one, and what is wrong, asked of Python's own numbers."""
        n = self.net.output_size
        y = recipe.labels(n_rows, n)
        right = y.plain.shape in ((n_rows,), (n_rows, 1)) and y.plain.dtype.kind in "biuf"
        right = right and all(label in range(n) for label in y.plain.ravel().tolist())
        return y, (set() if right else {"y"}) | (set() if n_rows else {"X"})

    def labelled(self, rows: Recipe, labels: Recipe) -> tuple[Given, Given, set[str]]:
        """Rows, their labels, and which of them are wrong."""
        X, wrong = self.rows(rows)
        y, wrong_y = self.labels(labels, len(X.plain) if X.plain.ndim else 0)
        return X, y, wrong | wrong_y

    def finite(self, X: np.ndarray) -> bool:
        """Whether rows that are right are finite, as the network takes them."""
        standardizer = self.net.standardizer
        with np.errstate(all="ignore"):
            taken = X.astype(self.net.dtype) if standardizer is None else standardizer.transform(X, self.net.dtype)
        return bool(np.isfinite(taken).all())

    @rule(given=some(arguments.CONSTRUCTION))
    def construct(self, given: dict[str, Any]) -> None:
        """Go on with another network, if its arguments are right."""
        options, wrong = parted({"input_size": 4, "hidden_sizes": [8], "output_size": 3, "seed": 1, **given})
        taken, net = self.attempt(wrong, lambda _: NeuralNetwork(**options))
        if taken:
            self.start(net)

    @rule(recipe=ROWS)
    def forward(self, recipe: Recipe) -> None:
        """Outputs of a batch."""
        X, wrong = self.rows(recipe)
        taken, outputs = self.attempt(wrong, lambda net: net.forward(X.value))
        if taken:
            assert exact(outputs) == exact(self.oracle.forward(X.plain)) == exact(self.net.outputs["scores"])
            if self.net.standardizer is not None:
                standardized = self.net.standardizer.transform(X.plain, self.net.dtype)
                assert exact(standardized) == exact(self.net.outputs["X"]), "rows are standardized otherwise"

    @rule(recipe=LABELS, given=some(arguments.STRENGTH))
    def backward(self, recipe: Recipe, given: dict[str, Any]) -> None:
        """Loss and gradients of a batch."""
        options, wrong = parted(given)
        y, wrong_y = self.labels(recipe, len(self.net.outputs.get("X", ())))
        taken, loss = self.attempt(wrong | wrong_y, lambda net: net.backward(y.value, **options))
        if taken:
            assert exact(loss) == exact(self.oracle.backward(y.plain, **options))

    @rule(
        given=some(arguments.STEP),
        moments=some(arguments.MOMENTS),
        time=st.one_of(some({"t": arguments.TIMES}), some(dict.fromkeys(("t", "epoch", "step"), arguments.TIMES))),
    )
    def update(self, given: dict[str, Any], moments: dict[str, Any], time: dict[str, Any]) -> None:
        """One step of an optimiser; SGD does not look at what the others need."""
        options, wrong = parted(given | time | (moments if given.get("opt", "SGD") != "SGD" else {}))
        wrong |= {"update"} if len(time) > 1 or not self.net.gradients else set()
        taken, _ = self.attempt(wrong, lambda net: net.update(**options))
        if taken:
            self.oracle.update(**options)

    @rule(recipe=ROWS)
    def predict(self, recipe: Recipe) -> None:
        """Probabilities, as `forward` gives them, and the classes that follow."""
        X, wrong = self.rows(recipe)
        wrong = wrong if wrong or self.finite(X.plain) else {"X"}
        taken, probabilities = self.attempt(wrong, lambda net: net.predict_proba(X.value))
        _, classes = self.attempt(wrong, lambda net: net.predict(X.value))
        if taken:
            assert exact(probabilities) == exact(copy.deepcopy(self.oracle).forward(X.plain))
            assert exact(classes) == exact(self.oracle.twin.predict(X.plain))
            known = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
            best = probabilities[known].max(axis=1, initial=0)
            assert (probabilities[known, classes[known]] == best).all(), "not the likeliest class"

    @rule(rows=ROWS, labels=LABELS, given=some(arguments.STRENGTH))
    def evaluate(self, rows: Recipe, labels: Recipe, given: dict[str, Any]) -> None:
        """Loss and accuracy, as `forward` and `backward` give them."""
        X, y, wrong = self.labelled(rows, labels)
        options, wrong_options = parted(given)
        wrong = wrong if wrong or self.finite(X.plain) else {"X"}
        taken, found = self.attempt(wrong | wrong_options, lambda net: net.evaluate(X.value, y.value, **options))
        _, score = self.attempt(wrong, lambda net: net.score(X.value, y.value))
        if taken:
            assert exact(found) == exact(self.oracle.evaluate(X.plain, y.plain, **options))
            assert found[1] == score == (self.oracle.twin.predict(X.plain) == y.plain.ravel()).mean()
            other = copy.deepcopy(self.oracle)
            other.forward(X.plain)
            loss = other.backward(y.plain, **options)
            if np.isfinite(loss) and np.isfinite(found[0]):
                assert abs(loss - found[0]) <= 1e-4 * abs(loss) + 1e-6, f"{found[0]}, but backward gives {loss}"

    @rule(
        rows=ROWS,
        labels=LABELS,
        given=some(arguments.EPOCH),
        order=st.sampled_from((None, "permuted", "some", "negative", "too large", "fractional", "none")),
    )
    def train_epoch(self, rows: Recipe, labels: Recipe, given: dict[str, Any], order: str | None) -> None:
        """What the reference does in an epoch that takes the rows in this order."""
        X, y, options, wrong = self.training(rows, labels, given)
        n, random = len(X.plain) if X.plain.ndim else 0, np.random.RandomState(rows.seed)
        right = {None: np.arange(n), "permuted": random.permutation(n), "some": random.randint(max(n, 1), size=7)}
        bad = {"negative": np.arange(n) - 1, "too large": [n], "fractional": np.arange(n) / 2, "none": range(0)}
        wrong |= {"order"} if order in bad else set()
        chosen = None if order is None else {**right, **bad}[order]
        call = functools.partial(NeuralNetwork.train_epoch, X=X.value, y=y.value, order=chosen, **options)
        if not wrong and not self.finite(X.plain[right[order]]):
            self.spoils(call)
            return
        before = self.net.snapshot()
        taken, found = self.attempt(wrong, call)
        if taken:
            # the reference's shuffling brings them into this order
            shuffled = right[order][np.argsort(np.random.RandomState(5).permutation(len(right[order])))]
            options["time_step"] = "update" if options.get("time_step") is None else "epoch"
            other = self.expected(X.plain[shuffled], y.plain.ravel()[shuffled], epochs=1, seed=5, **options)
            if isinstance(found, DivergenceError):
                assert found.batch == getattr(other, "batch", None), f"{found!r}, but the reference gave {other!r}"
                self.net.restore(before)  # which still has the batches before
            else:
                assert exact(found) == exact(other[0][:2]), f"it gave {found}, the reference {other}"

    @rule(
        rows=ROWS,
        labels=LABELS,
        given=some(arguments.FIT),
        validation=st.sampled_from((None, None, "whole", "without labels", "wrong labels")),
        kept=st.sampled_from((None, None, "anew", "cut off", "of another seed", "no path", "null", "nowhere")),
    )
    def fit(
        self, rows: Recipe, labels: Recipe, given: dict[str, Any], validation: str | None, kept: str | None
    ) -> None:
        """What the reference's `fit` does, also where a part of it has been done before."""
        X, y, options, wrong = self.training(rows, labels, {"epochs": 1, "seed": 0, **given})
        n = len(X.plain) if X.plain.ndim else 0
        if not wrong & {"X", "batch_size", "drop_last"} and options.get("drop_last"):
            wrong |= {"batch_size"} if options.get("batch_size", 200) > n else set()
        if validation is not None:
            held_out = {"whole": y.plain, "wrong labels": np.full(n, self.net.output_size)}.get(validation)
            options |= {"X_val": X.plain, "y_val": held_out}
            wrong |= {"y_val"} if validation != "whole" else set()
        wrong_paths = {"no path": 3, "null": "a\0b", "nowhere": None}
        wrong |= {"checkpoint"} if kept in wrong_paths else set()
        call = functools.partial(NeuralNetwork.fit, X=X.value, y=y.value, **options)
        if not wrong and not self.finite(X.plain):
            self.spoils(lambda net: call(net, drop_last=False))
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "checkpoint.npz")
            if not wrong and kept in ("cut off", "of another seed"):
                seed = options["seed"] if kept == "cut off" else 9
                with contextlib.suppress(CutError, DivergenceError):
                    call(copy.deepcopy(self.net), checkpoint=path, seed=seed, callbacks=[cut])
                wrong |= {"seed"} if kept == "of another seed" else set()
            where = None if kept is None else wrong_paths.get(kept, path)
            resume = kept not in (None, "anew")
            taken, found = self.attempt(wrong, lambda net: call(net, checkpoint=where, resume=resume))
        if taken:
            other = self.expected(X.plain, y.plain, **options)
            assert type(found) is type(other), f"{found!r}, but the reference gave {other!r}"
            assert getattr(found, "history", found) is self.net.history
            self.oracle.twin.history = self.oracle.history

    def training(self, rows: Recipe, labels: Recipe, given: dict[str, Any]) -> tuple[Given, Given, Any, set[str]]:
        """What to train on, how, and what of it is wrong."""
        options, wrong = parted(given)
        if not wrong and options.get("batch_size", 200) < 9:
            rows = rows._replace(n_rows=min(rows.n_rows, 64))
        X, y, wrong_data = self.labelled(rows._replace(seed=rows.seed | 8), labels)  # no view of what changes meanwhile
        return X, y, options, wrong | wrong_data

    def expected(self, X: np.ndarray, y: np.ndarray, **options: Any) -> Any:
        """The history that the reference ends with, or how it diverges."""
        try:
            return self.oracle.fit(X, y, **options)
        except DivergenceError as error:
            return error
        finally:
            forget(self.oracle.twin)

    def spoils(self, train: Callable[[NeuralNetwork], Any]) -> None:
        """Train on rows that are not finite, which must be found; then all is as it was, but for the last batch."""
        Networks.n_calls += 1
        before, self.net.history, history = self.net.snapshot(), None, self.net.history
        found: Any = None
        try:
            train(self.net)
        except (DivergenceError, ValueError) as error:
            found = error
        assert isinstance(found, DivergenceError) or str(found).startswith("X"), f"rows are not finite, found {found!r}"
        self.net.restore(before)
        self.net.history = history
        forget(self.net, self.oracle.twin)

    @rule(way=st.sampled_from((".npz", ".NPZ", "", ".safetensors", "pickle", "deepcopy", "copy")))
    def copies(self, way: str) -> None:
        """Go on with a copy, which has everything but the last batch; a file has no history either."""
        ways = {"pickle": lambda net: pickle.loads(pickle.dumps(net)), "deepcopy": copy.deepcopy, "copy": copy.copy}
        n_threads = self.net.n_threads
        self.oracle.twin = copy.deepcopy(self.oracle.twin)
        if way in ways:
            _, self.net = self.attempt(set(), ways[way])
            assert self.net.n_threads == n_threads
            return
        with tempfile.TemporaryDirectory() as folder:
            self.attempt(set(), lambda net: net.save(Path(folder, f"net{way}")))
            _, self.net = self.attempt(set(), lambda _: NeuralNetwork.load(Path(folder, f"net{way}")))
        self.net.n_threads, self.oracle.twin.history = n_threads, None
        forget(self.oracle.twin)

    @rule(which=st.integers(-99, 99), spoil=st.sampled_from((*[None] * 8, *arguments.FOREIGN)))
    def snapshot(self, which: int, spoil: str | None) -> None:
        """Keep a state of both, or go back to one of them."""
        if spoil is not None:
            foreign = {**self.net.snapshot(), spoil: arguments.FOREIGN[spoil]}
            self.attempt({"snapshot"}, lambda net: net.restore(foreign if spoil in self.net.snapshot() else []))
        elif which >= 0 and self.snapshots:
            one, other, then = self.snapshots[which % len(self.snapshots)]
            self.attempt(set(), lambda net: net.restore(one))
            self.oracle.restore(other)
            assert exact(self.net.snapshot()) == then, "it is another state"
        else:
            _, one = self.attempt(set(), lambda net: net.snapshot())
            self.snapshots.append((one, self.oracle.snapshot(), exact(one)))

    @rule(recipe=ROWS, which=st.integers(0, 99), whole=st.booleans())
    def write(self, recipe: Recipe, which: int, whole: bool) -> None:
        """Assign one parameter, or all."""
        params = self.net.params
        name = list(params)[which % len(params)]
        value, plain = recipe.array(*params[name].shape, *[1] * abs(recipe.surplus))
        wrong = set() if plain.dtype.kind in "biuf" and plain.shape == params[name].shape else {name}
        others = {key: -array for key, array in params.items()} if whole else {}
        if whole:
            taken, _ = self.attempt(wrong, lambda net: setattr(net, "params", {**others, name: value}))
        else:
            taken, _ = self.attempt(wrong, lambda net: net.params.__setitem__(name, value))
        if taken:
            self.oracle.twin.params = {**self.oracle.twin.params, **others, name: plain}

    @rule(which=st.integers(0, 999))
    def assign(self, which: int) -> None:
        """Assign an attribute; a standardizer drops the batch."""
        choices = arguments.attributes(self.net)
        name, value = choices[which % len(choices)]
        options, wrong = parted({name: value})
        taken, _ = self.attempt(wrong, lambda net: setattr(net, name, options[name]))
        if taken:
            setattr(self.oracle.twin, name, options[name])
            self.oracle.twin.n_threads = 2 if self.net.n_threads == 1 else 1


def prepared(**options: Any) -> settings:
    """Settings of the machine in a process that does nothing else."""
    warnings.simplefilter("error")
    always_parallel()
    health = list(HealthCheck)
    return settings(stateful_step_count=STEPS, deadline=None, database=None, suppress_health_check=health, **options)


def run(start: int, n_cases: int, shrink: bool = False) -> tuple[int, list[tuple[int, str]]]:
    """Make about n_cases calls; gives their number, and what went wrong, on request (minutes) made short."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    options = prepared(max_examples=max(1, n_cases // STEPS), phases=phases, report_multiple_bugs=False)
    try:
        run_state_machine_as_test(seed(start)(Networks), settings=options)
    except Exception:
        return Networks.n_calls, [(0, traceback.format_exc(limit=-3))]
    return Networks.n_calls, []
