"""Calls of a network in any order, with arguments right and wrong, against a second one that does the same otherwise.

The second network has another number of threads and is given plain copies of the arrays; where the first one trains by
`fit` it does by `train_epoch`, and by the three calls where the first one does by `train_epoch`. After each call both
must be the same to the last bit, and outputs, losses, gradients and updates within rounding of plain NumPy. What is
wrong must be refused by the name of an argument that is, and then nothing may have changed.
"""

import copy
import functools
import pickle
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.engine import threads
from robustness import fuzz_arguments as arguments
from robustness import fuzz_arrays as arrays
from robustness import fuzz_bounds as bounds
from robustness.fuzz_arguments import Wrong, parted, some
from robustness.fuzz_trainings import Trainings
from robustness.fuzz_twin import exact, state

KINDS = ("calls of a network in any order, with right and wrong arguments",)
# What a snapshot has of a `state`.
TRAINED = ("parameters", "moments", "updates")
# Attributes of a standardizer that somebody has written to.
_SPOILED = {"one scale": "scale_", "no number": "mean_"}
# Calls of one network, more or less.
STEPS = 50


class Networks(Trainings):
    """All that a network can be asked."""

    @rule(
        sizes=some(arguments.SIZES),
        options=some(arguments.OPTIONS),
        layers=st.sampled_from((None, None, None, 0, "2", 5)),
    )
    def construct(self, sizes: dict[str, Any], options: dict[str, Any], layers: Any) -> None:
        """Go on with another network, if its arguments are right."""
        (sizes, wrong), (options, wrong_options) = parted(sizes), parted(options)
        wrong |= wrong_options
        if layers is not None:
            wrong.add("num_layers")
        make = functools.partial(NeuralNetwork, **{"input_size": 4, "hidden_sizes": [8], "output_size": 3, **sizes})
        options = {"seed": 1, **options}
        taken, net = self.attempt(lambda _: make(num_layers=layers, **options), wrong)
        if taken:
            self.snapshots.clear()
            self.net, self.twin = net, make(**{**options, "n_threads": 2 if net.n_threads == 1 else 1})
        self.compare()

    @rule(recipe=arrays.rows())
    def forward(self, recipe: arrays.Rows) -> None:
        """Outputs of a batch."""
        X, wrong = self.rows(recipe)
        taken, outputs = self.attempt(lambda net: net.forward(X.value), wrong)
        if taken:
            assert exact(outputs) == exact(self.twin.forward(X.plain)) == exact(self.net.outputs["scores"])
            self.expected = bounds.Expected(self.net)
            self.expected.outputs(outputs)
            standardizer = self.net.standardizer
            if standardizer is not None:
                standardized = standardizer.transform(X.plain, self.net.dtype)
                assert exact(standardized) == exact(self.net.outputs["X"]), "rows are standardized otherwise"
        self.compare()

    @rule(recipe=arrays.labels(), given=some(arguments.STRENGTHS))
    def backward(self, recipe: arrays.Labels, given: dict[str, Any]) -> None:
        """Loss and gradients of a batch."""
        n_rows = len(self.net.outputs.get("X", ()))
        options, wrong = parted(given)
        y = recipe.made(n_rows, self.net.output_size)
        if n_rows == 0:
            wrong.add("X")
        if not arrays.are_labels(y.plain, n_rows, self.net.output_size):
            wrong.add("y")
        taken, loss = self.attempt(lambda net: net.backward(y.value, **options), wrong)
        if taken:
            assert exact(loss) == exact(self.twin.backward(y.plain, **options))
            strength = float(options.get("reg", 0.0))
            if self.expected.is_of(self.net):
                self.expected.gradients(self.net.gradients, loss, y.plain.ravel(), strength)
        self.compare()

    @rule(
        given=some(arguments.STEP),
        rates=some(arguments.RATES),
        time=st.one_of(some({"t": arguments.TIMES["t"]}), some(arguments.TIMES)),
    )
    def update(self, given: dict[str, Any], rates: dict[str, Any], time: dict[str, Any]) -> None:
        """One step of an optimiser."""
        (options, wrong), (times, wrong_times) = parted(given), parted(time)
        wrong |= wrong_times
        if options.get("opt", "SGD") != "SGD":  # which has no other rates, and does not look at them
            more, wrong_rates = parted(rates)
            options, wrong = options | more, wrong | wrong_rates
        if len(times) > 1 or not self.net.gradients:
            wrong.add("update")
        check = None if wrong else bounds.after_update(self.net, options | times)
        taken, _ = self.attempt(lambda net: net.update(**options, **times), wrong)
        if taken and check is not None:
            self.twin.update(**options, **times)
            check(self.net.snapshot()["flat_params"])
        self.compare()

    @rule(recipe=arrays.rows())
    def predict(self, recipe: arrays.Rows) -> None:
        """Probabilities, as `forward` gives them, and the classes that follow."""
        X, wrong = self.rows(recipe)
        if not wrong and not self.finite(X.plain):
            wrong = {"X"}
        taken, probabilities = self.attempt(lambda net: net.predict_proba(X.value), wrong)
        _, classes = self.attempt(lambda net: net.predict(X.value), wrong)
        if taken:
            forward = copy.deepcopy(self.twin).forward(X.plain)
            assert exact(probabilities) == exact(forward) == exact(self.twin.predict_proba(X.plain))
            assert exact(classes) == exact(self.twin.predict(X.plain))
            known = np.isfinite(forward).all(axis=1)
            rows = np.flatnonzero(known)
            assert (forward[rows, classes[rows]] == forward[rows].max(axis=1, initial=0)).all(), (
                "not the likeliest class"
            )
        self.compare()

    @rule(rows=arrays.rows(), labels=arrays.labels(), given=some(arguments.STRENGTHS))
    def evaluate(self, rows: arrays.Rows, labels: arrays.Labels, given: dict[str, Any]) -> None:
        """Loss and accuracy, as `forward` and `backward` give them."""
        X, y, wrong = self.labelled(rows, labels)
        options, wrong_options = parted(given)
        if not wrong and not self.finite(X.plain):
            wrong = {"X"}
        taken, found = self.attempt(lambda net: net.evaluate(X.value, y.value, **options), wrong | wrong_options)
        _, score = self.attempt(lambda net: net.score(X.value, y.value), wrong)
        if taken:
            assert exact(found) == exact(self.twin.evaluate(X.plain, y.plain, **options))
            right = self.twin.predict(X.plain) == y.plain.ravel()
            assert found[1] == score == np.count_nonzero(right) / len(right)
            other = copy.deepcopy(self.twin)
            other.forward(X.plain)
            loss = other.backward(y.plain, **options)
            if np.isfinite(loss) and np.isfinite(found[0]):
                assert abs(loss - found[0]) <= 1e-4 * abs(loss) + 1e-6, f"{found[0]}, but backward gives {loss}"
        self.compare()

    @rule(way=st.sampled_from((".npz", ".NPZ", "", ".safetensors", "pickle", "deepcopy", "copy")))
    def copies(self, way: str) -> None:
        """Go on with a copy, which has everything but the last batch."""
        n_threads = self.net.n_threads
        if way in ("pickle", "deepcopy", "copy"):
            ways = {"pickle": lambda net: pickle.loads(pickle.dumps(net)), "deepcopy": copy.deepcopy, "copy": copy.copy}
            _, self.net = self.attempt(ways[way], set())
            assert self.net.n_threads == n_threads
            self.twin = copy.deepcopy(self.twin)
        else:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"net{way}")
                self.attempt(lambda net: net.save(path), set())
                _, self.net = self.attempt(lambda _: NeuralNetwork.load(path), set())
            self.net.n_threads = n_threads
            self.twin = copy.deepcopy(self.twin)
            self.twin._forget_batch()
            self.twin.history = None  # which no file holds
        self.compare()

    @rule(
        back=st.booleans(),
        which=st.integers(0, 99),
        spoil=st.sampled_from((*[None] * 6, "none", "sizes", "flat_params", "moments", "n_updates")),
    )
    def snapshot(self, back: bool, which: int, spoil: str | None) -> None:
        """Keep a state of both, or go back to one of them."""
        if spoil is not None:
            whole = self.net.snapshot()
            spoiled = {
                "sizes": (4, 5),
                "flat_params": whole["flat_params"][1:],
                "moments": {"Adam": []},
                "n_updates": -1,
            }
            foreign = [] if spoil == "none" else {**whole, spoil: spoiled[spoil]}
            self.attempt(lambda net: net.restore(foreign), {"snapshot"})
        elif back and self.snapshots:
            one, other, then = self.snapshots[which % len(self.snapshots)]
            self.attempt(lambda net: net.restore(one), set())
            self.twin.restore(other)
            now = state(self.net)
            assert [now[name] for name in TRAINED] == [then[name] for name in TRAINED], "it is another state"
        else:
            _, one = self.attempt(lambda net: net.snapshot(), set())
            self.snapshots.append((one, self.twin.snapshot(), state(self.net)))
        self.compare()

    @rule(
        recipe=arrays.rows(),
        which=st.integers(0, 99),
        whole=st.booleans(),
        spoil=st.sampled_from((*[None] * 8, "name", "shape", "missing", "no mapping", "deleted")),
    )
    def write(self, recipe: arrays.Rows, which: int, whole: bool, spoil: str | None) -> None:
        """Assign one parameter, or all."""
        name = list(self.net.params)[which % len(self.net.params)]
        shape = self.net.params[name].shape
        random = np.random.default_rng(recipe.seed)
        array = arrays.laid_out(arrays.filled(shape, recipe.dtype, recipe.content, random), recipe.layout)
        value, plain = arrays.given(array)
        wrong = set() if plain.dtype.kind in "biuf" and plain.shape == shape else {name}
        if spoil == "shape":
            value, wrong = np.ones((*shape, 1)), {name}
        if spoil == "deleted":
            self.attempt(lambda net: net.params.__delitem__(name), {name})
        elif whole:
            others = {key: -array for key, array in self.net.params.items()}
            values: Any = {**others, name: value}
            if spoil == "name":
                values["W99"], wrong = 1, {"W99"}
            elif spoil == "missing":
                del values[name]
                wrong = {name}
            elif spoil == "no mapping":
                values, wrong = [value], {"params"}
            taken, _ = self.attempt(lambda net: setattr(net, "params", values), wrong)
            if taken:
                self.twin.params = {**others, name: plain}
        else:
            wanted, wrong = ("W99", {"W99"}) if spoil == "name" else (name, wrong)
            taken, _ = self.attempt(lambda net: net.params.__setitem__(wanted, value), wrong)
            if taken:
                self.twin.params[name] = plain
        self.compare()

    @rule(
        kind=st.sampled_from(
            (None, "fitted", "fitted", "channels", "unfitted", "another size", "extreme", "no class", *_SPOILED)
        ),
        seed=arrays.SEEDS,
    )
    def standardize(self, kind: str | None, seed: int) -> None:
        """Assign a standardizer, which drops the batch."""
        n_in, random = self.net.input_size, np.random.default_rng(seed)
        rows = 100 + 30 * random.standard_normal((6, n_in))
        one_scale, no_number = Standardizer().fit(rows), Standardizer().fit(rows)
        one_scale.scale_, no_number.mean_ = np.ones(n_in + 1), np.array(["a"] * n_in)
        made: dict[str | None, Any] = {
            None: None,
            "one scale": one_scale,
            "no number": no_number,
            "fitted": Standardizer().fit(rows),
            "channels": Standardizer(1, "channel").fit(rows),
            "unfitted": Standardizer(),
            "another size": Standardizer().fit(np.ones((2, n_in + 1))),
            "extreme": Standardizer.of_statistics(np.zeros(n_in), np.full(n_in, 5e-324)),
            "no class": "Standardizer",
        }
        wrong = {"standardizer"} if kind in ("unfitted", "another size", "extreme", "no class") else set()
        if kind in _SPOILED:
            wrong = {_SPOILED[kind]}
        taken, _ = self.attempt(lambda net: setattr(net, "standardizer", made[kind]), wrong)
        if taken:
            self.twin.standardizer = made[kind]
        self.compare()

    @rule(
        which=st.sampled_from(("class_names", "feature_names")),
        spoil=st.sampled_from((None, None, "none", "array", "short", "twice", "numbers", "text", "no sequence")),
    )
    def name(self, which: str, spoil: str | None) -> None:
        """Assign names of classes or columns."""
        n = self.net.output_size if which == "class_names" else self.net.input_size
        names = [f"name {i} \u00e9\U0001f600\x00" for i in range(n)]
        right: dict[str | None, Any] = {None: names, "none": None, "array": np.array(names)}
        spoiled = {
            "short": names[1:],
            "twice": ["a"] * (n + 1),
            "numbers": [*range(n)],
            "text": "a" * n,
            "no sequence": 3,
        }
        taken, _ = self.attempt(
            lambda net: setattr(net, which, {**right, **spoiled}[spoil]), {which} if spoil in spoiled else set()
        )
        if taken:
            setattr(self.twin, which, right[spoil])
        self.compare()

    @rule(which=st.sampled_from(("input_size", "hidden_sizes", "output_size", "num_layers", "dtype")))
    def resize(self, which: str) -> None:
        """Sizes cannot be assigned."""
        self.attempt(lambda net: setattr(net, which, 10**9), {which})

    @rule(n_threads=st.sampled_from(arguments.THREADS))
    def thread(self, n_threads: Any) -> None:
        """Another number of threads."""
        wrong = {"n_threads"} if isinstance(n_threads, Wrong) else set()
        value = n_threads.value if isinstance(n_threads, Wrong) else n_threads
        taken, _ = self.attempt(lambda net: setattr(net, "n_threads", value), wrong)
        if taken:
            self.twin.n_threads = 2 if value == 1 else 1
        self.compare()


def prepared(count: Callable[[], object], **options: Any) -> settings:
    """Settings of the machine in a process that does nothing else; each call is counted."""
    warnings.simplefilter("error")
    threads.SERIAL_WORK = 0  # small networks use threads too
    Networks.count = staticmethod(count)
    return settings(
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        **options,
    )


def run(start: int, n_cases: int, count: Callable[[], object] = int, shrink: bool = False) -> list[tuple[int, str]]:
    """Make about so many calls, counted one by one; gives what went wrong, on request (minutes) made short."""
    options = prepared(
        count,
        max_examples=max(1, n_cases // STEPS),
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
    )
    try:
        run_state_machine_as_test(seed(start)(Networks), settings=options)
    except Exception:
        return [(0, traceback.format_exc(limit=-3))]
    return []
