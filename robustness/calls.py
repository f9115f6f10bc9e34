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
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fastmlp import DivergenceError, History, NeuralNetwork
from robustness import arguments
from robustness.arguments import ARRAYS, Given, Recipe
from robustness.oracle import Oracle
from robustness.product import always_parallel

KINDS = ("calls of a network in any order, with right and wrong arguments",)
REFUSALS = (AttributeError, TypeError, ValueError, KeyError, RuntimeError)
# Calls of one network, more or less.
STEPS = 50
ORDERS = st.sampled_from(("all", "permuted", "some"))
COPIES = st.sampled_from((".npz", ".NPZ", "", ".safetensors", "pickle", "deepcopy", "copy"))


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


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of what differs in two states."""
    return [name for name in one if one[name] != other[name]]


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
        self.snapshots: list[tuple[Any, Any]] = []

    @invariant()
    def alike(self) -> None:
        """The network and the oracle's twin are the same."""
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

    @rule(which=st.lists(st.integers(0, 10**6), min_size=3, max_size=3), value=st.integers(0, 10**6))
    def refuse(self, which: list[int], value: int) -> None:
        """Calls that must be refused, each argument of a method as often as any other."""
        groups: dict[Any, list[Any]] = {}
        for name, call in arguments.wrong_calls(self.net):
            groups.setdefault((name, getattr(call, "func", call)), []).append((name, call))
        for place in which:
            calls = list(groups.values())[place % len(groups)]
            self.is_refused(*calls[value % len(calls)])

    def is_refused(self, name: str, call: arguments.Call) -> None:
        """A call is refused by an error that names the argument, and changes nothing."""
        Networks.n_calls += 1
        before, kept, refusal = state(self.net), (self.net.n_threads, id(self.net.history)), None
        try:
            call(self.net)
        except REFUSALS as error:
            refusal = error
        assert refusal is not None, f"{name} is wrong, and it was taken: {call}"
        assert re.search(rf"\b{name}\b", str(refusal), re.IGNORECASE), f"{refusal!r} does not name {name}: {call}"
        changed = differences(before, state(self.net))
        assert not changed, f"a call that was refused has changed {changed}: {call}"
        assert (self.net.n_threads, id(self.net.history)) == kept

    @rule(options=arguments.some("__init__"))
    def construct(self, options: dict[str, Any]) -> None:
        """Go on with another network."""
        sizes = {"input_size": 4, "hidden_sizes": [8], "output_size": 3, "seed": 1}
        self.start(NeuralNetwork(**{**sizes, **options}))

    @rule(recipe=ARRAYS)
    def forward(self, recipe: Recipe) -> None:
        """Outputs of a batch."""
        X, _ = self.rows(recipe)
        outputs = self.net.forward(X.value)
        assert exact(outputs) == exact(self.oracle.forward(X.plain)) == exact(self.net.outputs["scores"])
        if self.net.standardizer is not None:
            standardized = self.net.standardizer.transform(X.plain, self.net.dtype)
            assert exact(standardized) == exact(self.net.outputs["X"]), "rows are standardized otherwise"

    @precondition(lambda self: len(self.net.outputs.get("X", ())))
    @rule(recipe=ARRAYS, options=arguments.some("backward"))
    def backward(self, recipe: Recipe, options: dict[str, Any]) -> None:
        """Loss and gradients of a batch."""
        y = recipe.labels(len(self.net.outputs["X"]), self.net.output_size)
        assert exact(self.net.backward(y.value, **options)) == exact(self.oracle.backward(y.plain, **options))

    @precondition(lambda self: self.net.gradients)
    @rule(options=arguments.some("update"), time=arguments.TIME)
    def update(self, options: dict[str, Any], time: dict[str, Any]) -> None:
        """One step of an optimiser."""
        self.net.update(**options, **time)
        self.oracle.update(**options, **time)

    @rule(recipe=ARRAYS, labels=ARRAYS, options=arguments.some("evaluate"))
    def predict(self, recipe: Recipe, labels: Recipe, options: dict[str, Any]) -> None:
        """Probabilities and loss, as `forward` and `backward` give them, and the classes and accuracy that follow."""
        X, finite = self.rows(recipe)
        if not (finite and len(X.plain)):
            return
        y, other = labels.labels(len(X.plain), self.net.output_size), copy.deepcopy(self.oracle)
        probabilities, classes = self.net.predict_proba(X.value), self.net.predict(X.value)
        assert exact(probabilities) == exact(other.forward(X.plain))
        assert exact(classes) == exact(self.oracle.twin.predict(X.plain))
        known = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
        best = probabilities[known].max(axis=1, initial=0)
        assert (probabilities[known, classes[known]] == best).all(), "not the likeliest class"
        found = self.net.evaluate(X.value, y.value, **options)
        assert exact(found) == exact(self.oracle.evaluate(X.plain, y.plain, **options))
        assert found[1] == self.net.score(X.value, y.value) == (classes == y.plain.ravel()).mean()
        loss = other.backward(y.plain, **options)
        if np.isfinite(loss) and np.isfinite(found[0]):
            assert abs(loss - found[0]) <= 1e-4 * abs(loss) + 1e-6, f"{found[0]}, but backward gives {loss}"

    @rule(recipe=ARRAYS, labels=ARRAYS, options=arguments.some("train_epoch"), order=ORDERS)
    def train_epoch(self, recipe: Recipe, labels: Recipe, options: dict[str, Any], order: str) -> None:
        """What the reference does in an epoch that takes the rows in this order."""
        X, y, finite = self.training(recipe, labels, options)
        order = order if finite else "all"
        n, random, before = len(X.plain), np.random.RandomState(recipe.seed), self.net.snapshot()
        rows = {"all": np.arange(n), "permuted": random.permutation(n), "some": random.randint(n, size=7)}[order]
        chosen = {} if order == "all" else {"order": rows.astype(np.uint16)}
        t = 1 if options.get("time_step") == "epoch" else None
        call = functools.partial(self.net.train_epoch, X.value, y.value, **{**options, "time_step": t}, **chosen)
        if not finite:
            self.spoils(call)
            return
        found = outcome(call)
        # the reference's shuffling brings them into this order
        shuffled = rows[np.argsort(np.random.RandomState(5).permutation(len(rows)))]
        fit = functools.partial(self.oracle.fit, X.plain[shuffled], y.plain.ravel()[shuffled], epochs=1, seed=5)
        other = outcome(functools.partial(fit, **options))
        forget(self.oracle.twin)
        if isinstance(found, DivergenceError):
            assert found.batch == getattr(other, "batch", None), f"{found!r}, but the reference gave {other!r}"
            self.net.restore(before)  # which still has the batches before
        else:
            assert exact(found) == exact(other[0][:2]), f"it gave {found}, the reference {other}"

    @rule(
        recipe=ARRAYS,
        labels=ARRAYS,
        options=arguments.some("fit"),
        validated=st.booleans(),
        kept=st.sampled_from((None, "anew", "cut off", "of another seed")),
    )
    def fit(self, recipe: Recipe, labels: Recipe, options: dict[str, Any], validated: bool, kept: str | None) -> None:
        """What `train_epoch` does, epoch by epoch, and the reference; also where a part has been done before."""
        X, y, finite = self.training(recipe, labels, options)
        if options.get("batch_size", 200) > len(X.plain):
            options = {**options, "drop_last": False}
        options = {"epochs": 1, "seed": 0, **options}
        data = {"X_val": X.plain, "y_val": y.plain} if validated and finite else {}
        call = functools.partial(NeuralNetwork.fit, X=X.value, y=y.value, **options, **data)
        if not finite:
            self.spoils(lambda: call(self.net, drop_last=False))
            return
        before, more = copy.deepcopy(self.net), {}
        with tempfile.TemporaryDirectory() as folder:
            if kept is not None:
                more = {"checkpoint": Path(folder, "checkpoint.npz"), "resume": kept != "anew"}
            if kept in ("cut off", "of another seed"):
                seed = options["seed"] if kept == "cut off" else 9
                with contextlib.suppress(CutError, DivergenceError):
                    call(copy.deepcopy(self.net), **{**more, "seed": seed, "callbacks": [cut]})
            if kept == "of another seed":
                with contextlib.suppress(ValueError):
                    call(self.net, **more)
                    raise AssertionError("a checkpoint of another seed was taken")
                return
            found = outcome(functools.partial(call, self.net, **more))
        other = outcome(functools.partial(self.oracle.fit, X.plain, y.plain, **options, **data))
        forget(self.oracle.twin)
        assert type(found) is type(other), f"{found!r}, but the reference gave {other!r}"
        assert getattr(found, "history", found) is self.net.history
        self.oracle.twin.history = self.oracle.history
        if isinstance(found, History):
            by_epochs(before, X.plain, y.plain, found.learning_rate[0], **options)
            assert exact(before.snapshot()) == exact(self.net.snapshot()), "epoch by epoch, it is another network"

    def training(self, recipe: Recipe, labels: Recipe, options: dict[str, Any]) -> tuple[Given, Given, bool]:
        """At least one row to train on, not too many for small batches, their labels, and whether all is finite."""
        most = 64 if options.get("batch_size", 200) < 9 else 10**9
        n_rows, seed = min(max(1, recipe.n_rows), most), recipe.seed | 8  # no view of what changes meanwhile
        X, finite = self.rows(recipe._replace(n_rows=n_rows, seed=seed))
        return X, labels.labels(n_rows, self.net.output_size), finite

    def spoils(self, train: Callable[[], object]) -> None:
        """Train on rows that are not finite, which must be found; then all is as it was, but for the last batch."""
        before, history, found = self.net.snapshot(), self.net.history, None
        try:
            train()
        except (DivergenceError, ValueError) as error:
            found = error
        named = isinstance(found, DivergenceError) or str(found).startswith("X")
        assert named, f"rows are not finite, found {found!r}"
        self.net.restore(before)
        self.net.history = history
        forget(self.net, self.oracle.twin)

    @rule(way=COPIES)
    def copies(self, way: str) -> None:
        """Go on with a copy, which has everything but the last batch; a file has no history either."""
        ways = {"pickle": lambda net: pickle.loads(pickle.dumps(net)), "deepcopy": copy.deepcopy, "copy": copy.copy}
        n_threads = self.net.n_threads
        self.oracle.twin = copy.deepcopy(self.oracle.twin)
        if way in ways:
            self.net = ways[way](self.net)
            assert self.net.n_threads == n_threads
            return
        with tempfile.TemporaryDirectory() as folder:
            self.net.save(Path(folder, f"net{way}"))
            self.net = NeuralNetwork.load(Path(folder, f"net{way}"))
        self.net.n_threads, self.oracle.twin.history = n_threads, None
        forget(self.oracle.twin)

    @rule(which=st.integers(-99, 99))
    def snapshot(self, which: int) -> None:
        """Keep a state of both, or go back to one of them."""
        if which < 0 or not self.snapshots:
            self.snapshots.append((self.net.snapshot(), self.oracle.snapshot()))
            return
        one, other = self.snapshots[which % len(self.snapshots)]
        self.net.restore(one)
        self.oracle.restore(other)
        assert exact(self.net.snapshot()) == exact(one), "it is another state"

    @rule(recipe=ARRAYS, which=st.integers(0, 99))
    def write(self, recipe: Recipe, which: int) -> None:
        """Assign one parameter."""
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


def outcome(train: Callable[[], Any]) -> Any:
    """What a training gives, or how it diverges."""
    try:
        return train()
    except DivergenceError as error:
        return error


def by_epochs(
    net: NeuralNetwork, X: np.ndarray, y: np.ndarray, rate: float, *, epochs: int, seed: int, **options: Any
) -> None:
    """What `fit` does from this rate on, by `train_epoch`."""
    own = {"learning_rate_decay": 1.0, "drop_last": False, "time_step": "update", "callbacks": (), "learning_rate": 0}
    given = own | options
    options = {name: value for name, value in options.items() if name not in own}
    n, size, random = len(X), int(options.get("batch_size", 200)), np.random.RandomState(seed)
    for epoch in range(1, epochs + 1):
        order = random.permutation(n)[: n // size * size if given["drop_last"] else n]
        t = epoch if given["time_step"] == "epoch" else None
        net.train_epoch(X, y, order, learning_rate=rate, time_step=t, **options)
        rate *= float(given["learning_rate_decay"])


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
