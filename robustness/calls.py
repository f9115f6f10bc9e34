"""Calls of a network in any order, with arguments right and wrong, against `robustness.oracle`.

The networks have every activation, loss and optimiser of `fastmlp.functions`. A right call must give the bits of a
twin, which has another number of threads and is given plain copies of the arrays, and the reference's numbers up to
rounding. A wrong one must be refused by an error that names an argument that is wrong, and change nothing.
"""

import copy
import functools
import inspect
import itertools
import math
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
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fastmlp import DivergenceError, History, NeuralNetwork
from fastmlp.functions.activations import HIDDEN_ACTIVATIONS
from fastmlp.functions.losses import LOSSES
from fastmlp.functions.optimizers import OPTIMIZERS
from robustness import arguments
from robustness.arguments import ARRAYS, Given, Recipe
from robustness.oracle import Oracle
from robustness.running import always_parallel

KINDS = ("calls of a network in any order, with right and wrong arguments",)
# Calls of one network, more or less.
STEPS = 50
ORDERS = st.sampled_from(("all", "permuted", "some"))
COPIES = {"pickle": lambda net: pickle.loads(pickle.dumps(net)), "deepcopy": copy.deepcopy, "copy": copy.copy}


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
            "parameters, moments, updates and units": net.snapshot(),
            "gradients": dict(net.gradients),
            "outputs": net.outputs,
            "standardizer": net.standardizer and (repr(net.standardizer), vars(net.standardizer)),
            "names": (net.class_names, net.feature_names),
            "history": None if net.history is None else [epoch[:-1] for epoch in net.history],
            "architecture": (repr(net), net.hidden_sizes, net.activation, net.loss),
            "random numbers": np.random.get_state(),
        }
    )


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [name for name in one if one[name] != other[name]]


def forget(net: NeuralNetwork) -> None:
    """Drop the last batch, as a training does."""
    net.standardizer = net.standardizer


def outcome(train: Callable[[], Any]) -> Any:
    """What a training gives, or how it diverges."""
    try:
        return train()
    except DivergenceError as error:
        return error


class Networks(RuleBasedStateMachine):
    """A network, and the oracle that is called alike."""

    n_calls = 0

    def __init__(self) -> None:
        super().__init__()
        np.random.seed(0)
        self.construct({})

    @rule(options=arguments.some("__init__", ("activation", "loss")))
    def construct(self, options: dict[str, Any]) -> None:
        """Go on with another network, and a twin with another number of threads."""
        options = {"input_size": 4, "hidden_sizes": [8], "output_size": 3, "seed": 1, **options}
        if not list(options["hidden_sizes"]):
            options.pop("dropout", None)
        self.net = NeuralNetwork(**options)
        self.oracle = Oracle(copy.deepcopy(self.net))
        self.oracle.twin.n_threads = 2 if self.net.n_threads == 1 else 1
        self.classes = self.oracle.architecture.loss_row.of_classes
        self.snapshots: list[Any] = []

    @invariant()
    def alike(self) -> None:
        Networks.n_calls += 1
        differ = differences(state(self.net), state(self.oracle.twin))
        assert not differ, f"network and twin differ in {differ}"

    def rows(self, recipe: Recipe) -> tuple[Given, bool]:
        """X, and whether its rows are finite, as the network takes them."""
        X, standardizer, dtype = recipe.rows(self.net), self.net.standardizer, self.net.dtype
        X = X if X.plain.shape[1] == self.net.input_size else recipe.array(recipe.n_rows, self.net.input_size)
        with np.errstate(all="ignore"):
            taken = X.plain.astype(dtype) if standardizer is None else standardizer.transform(X.plain, dtype)
        return X, bool(np.isfinite(taken).all())

    def is_score(self, found: float, expected: float) -> bool:
        """Whether two scores are the same; R2 up to rounding, and of targets that differ by more than that."""
        unknown = not self.classes and (not math.isfinite(found + expected) or min(found, expected) < -1e9)
        return unknown or abs(found - expected) <= (0 if self.classes else 1e-3 * (1 + abs(1 - expected)))

    @precondition(lambda self: len(self.net.outputs.get("X", ())))
    @rule(method=st.sampled_from(arguments.METHODS), which=st.integers(0, 999), value=st.sampled_from(arguments.JUNK))
    def refuse(self, method: str, which: int, value: Any) -> None:
        """A call that is right but for one argument is refused by an error that names it, and changes nothing."""
        call, before, refusal = getattr(self.net, method), state(self.net), None
        n_rows = len(self.net.outputs["X"]) if method == "backward" else 3
        X, y = np.ones((3, self.net.input_size)), np.zeros((n_rows, *[self.net.output_size] * (not self.classes)))
        right = {"X": X, "y": y, "X_val": X, "y_val": y, "opt": "Adam"}
        right |= {"input_size": 4, "hidden_sizes": [], "output_size": 3}
        names = list(inspect.signature(call).parameters)
        name = names[which % len(names)]
        try:
            call(**{**{name: right[name] for name in names if name in right}, name: value})
        except (AttributeError, TypeError, ValueError, KeyError, RuntimeError) as error:
            refusal = error
        assert refusal is not None, f"{name} of {method} must not be {value!r}"
        assert re.search(rf"\b{name}\b", str(refusal), re.IGNORECASE), f"{refusal!r} does not name {name} of {method}"
        changed = differences(before, state(self.net))
        assert not changed, f"{name}={value!r} was refused by {method}, and has changed {changed}"

    @rule(recipe=ARRAYS)
    def forward(self, recipe: Recipe) -> None:
        X, _ = self.rows(recipe)
        training = {"training": True} if recipe.seed % 2 else {}
        assert exact(self.net.forward(X.value, **training)) == exact(self.oracle.forward(X.plain, **training))
        if self.net.standardizer is not None:
            standardized = self.net.standardizer.transform(X.plain, self.net.dtype)
            assert exact(standardized) == exact(self.net.outputs["X"]), "rows are standardized otherwise"

    @precondition(lambda self: len(self.net.outputs.get("X", ())))
    @rule(recipe=ARRAYS, options=arguments.some("backward"))
    def backward(self, recipe: Recipe, options: dict[str, Any]) -> None:
        n_rows = len(self.net.outputs["X"])
        y, options = recipe.targets(self.net, n_rows), {**options, **recipe.weights(n_rows)}
        assert exact(self.net.backward(y.value, **options)) == exact(self.oracle.backward(y.plain, **options))

    @precondition(lambda self: self.net.gradients)
    @rule(options=arguments.some("update"), time=arguments.TIME)
    def update(self, options: dict[str, Any], time: dict[str, Any]) -> None:
        self.net.update(**options, **time)
        self.oracle.update(**options, **time)

    @rule(recipe=ARRAYS, y_recipe=ARRAYS, options=arguments.some("evaluate"))
    def predict(self, recipe: Recipe, y_recipe: Recipe, options: dict[str, Any]) -> None:
        """Predictions and loss, as `forward` and `backward` give them, and the score that follows."""
        X, finite = self.rows(recipe)
        if not (finite and len(X.plain)):
            return
        y, other = y_recipe.targets(self.net, len(X.plain)), copy.deepcopy(self.oracle)
        predicted, outputs = self.net.predict(X.value), other.forward(X.plain)
        assert exact(predicted.ravel()) == exact(other.predict(X.plain).ravel())
        if self.classes:
            assert exact(self.net.predict_proba(X.value)) == exact(outputs)
        weights = y_recipe.weights(len(X.plain))
        options = {**options, **weights}
        found = self.net.evaluate(X.value, y.value, **options)
        assert exact(found) == exact(self.oracle.evaluate(X.plain, y.plain, **options))
        assert exact(found[1]) == exact(self.net.score(X.value, y.value, **weights))
        wanted = y.plain.ravel() if self.classes else y.plain.astype(self.net.dtype).reshape(outputs.shape)
        with np.errstate(all="ignore"):
            score = other.architecture.loss_row.score(predicted.reshape(wanted.shape), wanted, *weights.values())
        assert self.is_score(found[1], score), f"the score is {found[1]}, but the predictions have {score}"
        loss = other.backward(y.plain, **options)
        if np.isfinite(loss) and np.isfinite(found[0]):
            assert abs(loss - found[0]) <= 1e-4 * abs(loss) + 1e-6, f"{found[0]}, but backward gives {loss}"

    @rule(recipe=ARRAYS, y_recipe=ARRAYS, options=arguments.some("train_epoch"), order=ORDERS)
    def train_epoch(self, recipe: Recipe, y_recipe: Recipe, options: dict[str, Any], order: str) -> None:
        """What the reference does in an epoch that takes the rows in this order."""
        if (batch := self.training(recipe, y_recipe, options)) is None:
            return
        X, y = batch
        n, random, before = len(X.plain), np.random.RandomState(recipe.seed), self.net.snapshot()
        rows = {"all": np.arange(n), "permuted": random.permutation(n), "some": random.randint(n, size=7)}[order]
        chosen = {} if order == "all" else {"order": rows.astype(np.uint16)}
        t = 1 if options.get("time_step") == "epoch" else None
        weights = y_recipe.weights(n)
        if weights and not weights["sample_weight"][rows].any():
            return
        call = functools.partial(self.net.train_epoch, X.value, y.value, **{**options, "time_step": t}, **chosen)
        found = outcome(functools.partial(call, **weights))
        # the reference's shuffling brings them into this order
        shuffled = rows[np.argsort(np.random.RandomState(5).permutation(len(rows)))]
        y_shuffled = (y.plain.ravel() if self.classes else y.plain)[shuffled]
        fit = functools.partial(self.oracle.train, before, X.plain[shuffled], y_shuffled)
        weights = {name: array[shuffled] for name, array in weights.items()}
        other = outcome(functools.partial(fit, epochs=1, seed=5, standardize_targets=False, **options, **weights))
        forget(self.oracle.twin)
        if isinstance(found, DivergenceError):
            assert found.batch == getattr(other, "batch", None), f"{found!r}, but the reference gave {other!r}"
            self.net.restore(before)  # which still has the batches before
        else:
            same = exact(found[0]) == exact(other[0].train_loss) and self.is_score(found[1], other[0].train_score)
            assert same, f"it gave {found}, the reference {other[0]}"

    @rule(recipe=ARRAYS, y_recipe=ARRAYS, options=arguments.some("fit"), validated=st.booleans())
    def fit(self, recipe: Recipe, y_recipe: Recipe, options: dict[str, Any], validated: bool) -> None:
        """What the reference does."""
        if (batch := self.training(recipe, y_recipe, options)) is None:
            return
        X, y = batch
        if validated or len(X.plain) < 2 * self.net.output_size + 2:  # or there may be no rows to hold out
            options = {**options, "validation_fraction": None}
        if options.get("batch_size", 200) > len(X.plain) / 2:
            options = {**options, "drop_last": False}
        if options.get("schedule") is not None:
            options = {**options, "learning_rate_decay": 1.0}
        options = {"epochs": 1, "seed": 0, **options, **y_recipe.weights(len(X.plain))}
        data = {"X_val": X.plain, "y_val": y.plain} if validated else {}
        found = outcome(functools.partial(self.net.fit, X.value, y.value, **options, **data))
        train = functools.partial(self.oracle.train, self.net.snapshot(), X.plain, y.plain)
        other = outcome(functools.partial(train, **options, **data))
        forget(self.oracle.twin)
        assert type(found) is type(other), f"{found!r}, but the reference gave {other!r}"
        assert getattr(found, "history", found) is self.net.history
        epochs = list(zip(self.net.history, self.oracle.history, strict=True))
        alike = all(self.is_score(own.train_score, other.train_score) for own, other in epochs)
        assert alike, f"{self.net.history.epochs}, but the reference gave {self.oracle.history.epochs}"
        # the rest is compared by its bits
        self.oracle.twin.history = History(other._replace(train_score=own.train_score) for own, other in epochs)

    def training(self, recipe: Recipe, y_recipe: Recipe, options: dict[str, Any]) -> tuple[Given, Given] | None:
        """At least one row to train on, not too many for small batches, and targets; none where X is not finite."""
        most = 64 if options.get("batch_size", 200) < 9 else 10**9
        n_rows, seed = min(max(1, recipe.n_rows), most), recipe.seed | 8  # no view of what changes meanwhile
        X, finite = self.rows(recipe._replace(n_rows=n_rows, seed=seed))
        return (X, y_recipe.targets(self.net, n_rows)) if finite else None

    @rule(way=st.sampled_from(("net.npz", "net.NPZ", "net", "net.safetensors", *COPIES)))
    def copies(self, way: str) -> None:
        """Go on with a copy, which has everything but the last batch; a file has no history either."""
        n_threads = self.net.n_threads
        self.oracle.twin = copy.deepcopy(self.oracle.twin)
        if way in COPIES:
            self.net = COPIES[way](self.net)
            assert self.net.n_threads == n_threads
            return
        with tempfile.TemporaryDirectory() as folder:
            self.net.save(Path(folder, way))
            self.net = NeuralNetwork.load(Path(folder, way))
        self.net.n_threads, self.oracle.twin.history = n_threads, None
        forget(self.oracle.twin)

    @rule(which=st.integers(-99, 99))
    def snapshot(self, which: int) -> None:
        """Keep a state, or go back to one in both."""
        if which < 0 or not self.snapshots:
            self.snapshots.append(self.net.snapshot())
            return
        kept = self.snapshots[which % len(self.snapshots)]
        self.net.restore(kept)
        self.oracle.restore(kept)
        assert exact(self.net.snapshot()) == exact(kept), "it is another state"

    @rule(recipe=ARRAYS, which=st.integers(0, 99))
    def write(self, recipe: Recipe, which: int) -> None:
        name = list(self.net.params)[which % len(self.net.params)]
        value, plain = recipe.array(*self.net.params[name].shape)
        self.net.params[name] = value
        self.oracle.twin.params[name] = plain

    @rule(which=st.integers(0, 999))
    def assign(self, which: int) -> None:
        """Assign an attribute; a standardizer drops the batch."""
        choices = arguments.attributes(self.net)
        name, value = choices[which % len(choices)]
        for net in (self.net, self.oracle.twin):
            setattr(net, name, value)
        self.oracle.twin.n_threads = 2 if self.net.n_threads == 1 else 1


def each_choice(start: int) -> None:
    """A few calls with every activation, loss and optimiser, whatever is drawn later."""
    for activation, loss, optimizer in itertools.product(HIDDEN_ACTIVATIONS, LOSSES, OPTIMIZERS):
        networks, recipe = Networks(), Recipe(9, "f8", "C", "normal", start + 2)
        dropout = 0.0 if optimizer == "SGD" else [0.0, 0.5, 0.2]
        networks.construct({"hidden_sizes": [5, 4], "activation": activation, "loss": loss, "dropout": dropout})
        for _ in range(2):
            networks.forward(recipe)
            networks.backward(recipe, {"reg": 0.1})
            networks.update({"opt": optimizer, "lr": 0.1, "weight_decay": 0.5}, {})
        networks.predict(recipe, recipe, {"reg": 0.1})
        networks.fit(recipe, recipe, {"optimizer": optimizer, "epochs": 2, "batch_size": 4}, True)
        networks.alike()


def run(start: int, n_cases: int, shrink: bool = False) -> tuple[int, list[tuple[int, str]]]:
    """Make about n_cases calls; gives their number, and what went wrong, on request (minutes) made short."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "X is far from standard")
    # of R2, and of outputs in the units of targets, where these numbers are too large
    warnings.filterwarnings(
        "ignore", "(overflow|invalid value) encountered", RuntimeWarning, "fastmlp.(functions|engine)"
    )
    always_parallel()
    options = settings(
        max_examples=max(1, n_cases // STEPS),
        stateful_step_count=STEPS,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        each_choice(start)
        run_state_machine_as_test(seed(start)(Networks), settings=options)
    except Exception:
        return Networks.n_calls, [(0, traceback.format_exc(limit=-3))]
    return Networks.n_calls, []
