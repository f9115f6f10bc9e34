"""Arguments of a network's calls: right ones as Hypothesis draws them, and calls that must be refused."""

import inspect
import tempfile
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.engine.parameters import INITIALIZERS
from fastmlp.functions.activations import HIDDEN_ACTIVATIONS
from fastmlp.functions.losses import LOSSES
from fastmlp.functions.optimizers import OPTIMIZERS
from fastmlp.schedules import SCHEDULES, Plateau


def by_name(table: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """The values of each argument, from a table with one row for all arguments that take the same."""
    return {name: values for names, values in table.items() for name in names.split()}


THREADS = (None, 1, 2, 3)
RATES = (0.0, 0.01, 0.1, 1, True, np.float32(0.5), 1e30)
TIMES = (None, 1, 7, np.int64(3), 2**53)
RIGHT = by_name(
    {
        "input_size output_size": (1, 2, 3, 4, 7, 33),
        "hidden_sizes": ([], [5], (3, 4), [31, 2], [70]),
        "activation": HIDDEN_ACTIVATIONS,
        "loss": tuple(LOSSES),
        "dtype": ("float32", np.float64, "f4", None),
        "init": INITIALIZERS,
        "n_threads": THREADS,
        "reg lr": (-1.0, *RATES),
        "learning_rate": (None, *RATES),
        "learning_rate_decay": (0.0, 0.5, 1.0),
        "schedule": (*SCHEDULES, None, Plateau(0.5, 0), lambda epoch, step: 0.1 / (1 + epoch + step)),
        "regularization": (0.0, 1e-3, 0.1, 1e300),
        "opt optimizer": tuple(OPTIMIZERS),
        "b1 b2 beta1 beta2": (0.0, 0.5, 0.9, np.float32(0.25)),
        "eps epsilon": (1e-8, 1e-3, 2.0),
        "weight_decay": (0.0, 0.01, 0.5),
        "dropout": (0, 0.25, np.float32(0.9)),
        "rho": (0.0, 0.5, 0.9),
        "time_step": ("update", "epoch"),
        "batch_size": (1, 2, 7, 200, np.uint8(3), 2**40),
        "epochs": (1, 2, 3),
        "drop_last standardize_targets early_stopping": (False, np.bool_(True)),
        "patience": (None, 1, np.int8(2)),
        "tol": (0.0, 0.1),
        "validation_fraction": (None, 0.25, np.float32(0.5)),
        "seed": (0, 5, np.int64(2**32 - 1)),
    }
)

# What is right for no argument of any method.
JUNK = (1j, float("nan"), object(), b"\0", [[1j]], np.array([1j]))
METHODS = ("__init__", "forward", "backward", "update", "predict", "evaluate", "score", "train_epoch", "fit")


def some(method: str, always: tuple[str, ...] = ()) -> st.SearchStrategy[dict[str, Any]]:
    """Some of a method's settings, and those that are always drawn, all of them right."""
    names = [name for name in inspect.signature(getattr(NeuralNetwork, method)).parameters if name in RIGHT]
    drawn = {name: st.sampled_from(RIGHT[name]) for name in names}
    return st.fixed_dictionaries({name: drawn.pop(name) for name in always}, optional=drawn)


TIME = st.builds(lambda name, t: {name: t}, st.sampled_from(("t", "epoch", "step")), st.sampled_from(TIMES))


def attributes(net: NeuralNetwork) -> list[tuple[str, Any]]:
    """What may be assigned to a network."""
    rows = 100 + 30 * np.random.RandomState(0).randn(6, net.input_size)
    n_classes = 2 if net.loss == "binary_cross_entropy" and net.output_size == 1 else net.output_size
    classes, features = ([f"{i} \u00e9\U0001f600\x00" for i in range(n)] for n in (n_classes, net.input_size))
    return [
        *(("n_threads", n) for n in THREADS),
        *(("standardizer", s) for s in (None, Standardizer().fit(rows), Standardizer(1, "channel").fit(rows))),
        *(("class_names", names) for names in (None, classes, np.array(classes))),
        *(("feature_names", names) for names in (None, features, np.array(features))),
        ("params", {name: np.ones_like(array) for name, array in net.params.items()}),
    ]


# ---- arrays

REAL_TYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", ">i2", ">u4", ">f4", ">f8")
# the kernels gather rows of these themselves
TYPES = st.one_of(st.sampled_from(("f8", "f4", "u1")), st.sampled_from(REAL_TYPES))
LAYOUTS = st.sampled_from(("C", "F", "strided", "broadcast", "unaligned", "read-only", "memory map", "list"))
N_ROWS = st.one_of(st.sampled_from((1, 2, 3, 5, 9)), st.sampled_from((0, 1, 4, 33, 64, 512, 513, 2049)))
EXTREMES = {"NaN": np.nan, "infinite": -np.inf, "huge": 2.0**62, "tiny": -(2.0**31)}
MODERATE = ("normal", "pixels", "constant")
CONTENTS = st.sampled_from((*MODERATE, *["normal"] * 3, "bits", *EXTREMES))


class Given(NamedTuple):
    """What a network is given, and the same numbers as a plain array: native, aligned, contiguous, its own."""

    value: Any
    plain: np.ndarray


class Recipe(NamedTuple):
    n_rows: int
    dtype: str
    layout: str
    content: str
    seed: int

    def rows(self, net: NeuralNetwork) -> Given:
        """Rows of X; now and then a view of the network's own arrays."""
        if self.seed % 16 == 0 and net.outputs:
            return given(net.outputs["X"])
        return given(net.params["W1"].T) if self.seed % 16 == 1 else self.array(self.n_rows, net.input_size)

    def targets(self, net: NeuralNetwork, n_rows: int) -> Given:
        """What a network learns of n_rows rows: labels, or numbers of a moderate size."""
        if not LOSSES[net.loss].of_classes:
            recipe = self if self.content in MODERATE else self._replace(content="normal")
            found = recipe.array(*((n_rows,) if net.output_size == 1 and self.seed % 2 else (n_rows, net.output_size)))
            if LOSSES[net.loss].standardizes:
                return found
            # counts, or 0 and 1
            return given((np.abs(found.plain) > 0.5).astype(np.float64 if self.seed % 3 else np.int8))
        n_classes = min(net.output_size, 2 if self.dtype == "?" else 127)
        values = np.random.default_rng(self.seed).integers(0, n_classes, n_rows)
        return given(laid_out((values[:, None] if self.seed % 2 else values).astype(self.dtype), self.layout))

    def weights(self, n_rows: int) -> dict[str, np.ndarray]:
        """None, or weights of n_rows rows, some of them 0; their sums are exact."""
        weights = np.random.default_rng(self.seed).integers(0, 4, n_rows)
        return {"sample_weight": weights} if self.seed % 3 == 0 and weights.any() else {}

    def array(self, *shape: int) -> Given:
        random, kind = np.random.default_rng(self.seed), np.dtype(self.dtype)
        values = random.integers(0, 256, shape) if self.content == "pixels" else random.standard_normal(shape)
        if self.content == "constant":
            values[...] = 3.0
        if self.content == "bits" and kind.kind != "b":
            values = np.frombuffer(random.bytes(values.size * kind.itemsize), kind).reshape(shape).copy()
        elif self.content in ("huge", "tiny") and kind.kind == "f":
            limits = np.finfo(kind)
            values = (values * (limits.max / 8 if self.content == "huge" else limits.smallest_subnormal * 64)).astype(
                kind
            )
        elif self.content in EXTREMES and values.size:
            values[tuple(random.integers(n) for n in shape)] = EXTREMES[self.content]
        with np.errstate(all="ignore"):
            return given(laid_out(values.astype(self.dtype), self.layout))


ARRAYS = st.builds(Recipe, N_ROWS, TYPES, LAYOUTS, CONTENTS, st.integers(0, 2**32 - 1))


def laid_out(array: np.ndarray, layout: str) -> Any:
    """The same numbers, otherwise in memory."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "strided":
        backwards = (slice(-2, None, -2),) * array.ndim
        wide = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
        wide[backwards] = array
        return wide[backwards]
    if layout == "broadcast" and len(array):
        return np.broadcast_to(array[:1], array.shape)
    if layout == "unaligned":
        moved = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
        moved[...] = array
        return moved
    if layout == "memory map" and array.size:
        with tempfile.TemporaryFile() as file:
            mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
        mapped[...] = array
        return mapped
    if layout == "read-only":
        array.flags.writeable = False
    return array.tolist() if layout == "list" and len(array) else array


def given(value: Any) -> Given:
    """An array as it is given, and its plain copy."""
    found = np.asarray(value)
    return Given(value, np.array(found, found.dtype.newbyteorder("="), order="C"))
