"""Arguments of a network's calls, right and wrong ones, as Hypothesis draws them."""

import tempfile
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from fastmlp import NeuralNetwork, Standardizer
from robustness.product import OPTIMIZERS


class Wrong(NamedTuple):
    """A value that must be refused by an error with this name, or the argument's own."""

    value: Any
    name: str | None = None


def wrong(*values: Any) -> tuple[Wrong, ...]:
    """Values that must be refused."""
    return tuple(map(Wrong, values))


# ---- settings

NO_NUMBERS = wrong(float("nan"), float("inf"), 10**400, "0.1", b"1", 1j, np.ones(2), np.complex64(1))
NO_COUNTS = wrong(0, -1, 2.5, "2", True, np.float64(2), [1], -(10**400))
NONE, NEGATIVE = Wrong(None), Wrong(-0.5)
CHOICES = (*OPTIMIZERS, *wrong("AdamW", "", b"SGD", 3, ["SGD"], None))
DECAYS = (0.0, 0.5, 0.9, np.float32(0.25), *NO_NUMBERS, NONE, NEGATIVE, Wrong(1.0))
EPSILONS = (1e-8, 1e-3, 2.0, *NO_NUMBERS, NONE, NEGATIVE, Wrong(1e-50))
RATES = (0.0, 0.01, 0.1, 1, True, np.float32(0.5), 1e30, *NO_NUMBERS)
SIZES = (1, 2, 3, 4, 7, 33, *NO_COUNTS, NONE, *wrong(2**31, 10**30))
TIMES = (1, 7, np.int64(3), 2**53, *NO_COUNTS, Wrong(2**53 + 1))
THREADS = (None, 1, 2, 3, *NO_COUNTS)

CONSTRUCTION = {
    "input_size": SIZES,
    "hidden_sizes": ([], [5], (3, 4), [31, 2], [70], *wrong(5, None, [0], "5", [2.5], [3, 2**31])),
    "output_size": SIZES,
    "dtype": ("float32", np.float64, "f4", None, *wrong("float16", ">f8", int, 3)),
    "seed": (0, 7, np.int64(2**32 - 1), *wrong(-1, 2**32, 1.5, "1", True)),
    "init": ("assignment", "he", "glorot", *wrong("zeros", None, 3)),
    "n_threads": THREADS,
    "standardizer": (None, *wrong(3, Standardizer, Standardizer(), Standardizer().fit(np.ones((2, 99))))),
    "num_layers": (None, *wrong(0, "2", 5)),
}
STRENGTH = {"reg": (-1.0, *RATES, NONE)}
STEP = {"lr": (*RATES, NONE), "opt": CHOICES}
MOMENTS = {"b1": DECAYS, "b2": DECAYS, "eps": EPSILONS}
EPOCH = {
    "batch_size": (1, 2, 7, 200, np.uint8(3), 2**40, *NO_COUNTS, NONE),
    "learning_rate": (None, *RATES, NEGATIVE),
    "regularization": (0.0, 1e-3, 0.1, 1e300, *NO_NUMBERS, NONE, NEGATIVE),
    "optimizer": CHOICES,
    **{"beta1": DECAYS, "beta2": DECAYS, "epsilon": EPSILONS},
    "time_step": (None, None, 1, *NO_COUNTS),
}
FIT = {
    **EPOCH,
    "epochs": (1, 2, 3, *NO_COUNTS, NONE),
    "learning_rate_decay": (0.0, 0.5, 1.0, *NO_NUMBERS, NONE, NEGATIVE),
    "time_step": ("update", "epoch", *wrong("batch", None, 1)),
    "drop_last": (False, np.bool_(True), *wrong(1, None, "no")),
    "callbacks": ((), [lambda network, history: None], *wrong([3], [None])),
    "seed": (0, 5, np.uint8(3), *wrong(-1, 0.5, 2**32)),
}
# What no snapshot has at these places, and what is no snapshot.
FOREIGN = {"sizes": (4, 5), "flat_params": np.ones(7), "moments": {"Adam": []}, "n_updates": -1, "nothing": None}


def some(choices: dict[str, tuple[Any, ...]]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these arguments; one call in a few has wrong values among them."""
    right = {name: st.sampled_from([v for v in values if not isinstance(v, Wrong)]) for name, values in choices.items()}
    either = {name: st.sampled_from(values) for name, values in choices.items()}
    sane = st.fixed_dictionaries({}, optional=right)
    return st.one_of(*[sane] * 4, st.fixed_dictionaries({}, optional=either))


def parted(given: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Arguments as they are passed, and the names of which an error must have one."""
    names = {value.name or name for name, value in given.items() if isinstance(value, Wrong)}
    return {name: value.value if isinstance(value, Wrong) else value for name, value in given.items()}, names


def attributes(net: NeuralNetwork) -> list[tuple[str, Any]]:
    """What may be assigned to a network, and what may not."""
    n_in, n_out, params = net.input_size, net.output_size, dict(net.params)
    rows = 100 + 30 * np.random.RandomState(0).randn(6, n_in)
    one_scale, no_number = Standardizer().fit(rows), Standardizer().fit(rows)
    one_scale.scale_, no_number.mean_ = np.ones(n_in + 1), np.array(["a"] * n_in)
    values: dict[str, tuple[Any, ...]] = {
        "n_threads": THREADS,
        "standardizer": (
            *(None, Standardizer().fit(rows), Standardizer(1, "channel").fit(rows)),
            *(Wrong(one_scale, "scale_"), Wrong(no_number, "mean_")),
            *wrong("Standardizer", Standardizer(), Standardizer().fit(np.ones((2, n_in + 1)))),
            Wrong(Standardizer.of_statistics(np.zeros(n_in), np.full(n_in, 5e-324))),
        ),
        "params": (
            *({**params, "W1": np.ones_like(params["W1"])}, Wrong({**params, "W99": 1}, "W99")),
            *(Wrong({"W1": params["W1"]}, "b1"), Wrong({}, "b1"), Wrong([params["W1"]])),
        ),
        **{name: wrong(10**9) for name in ("input_size", "hidden_sizes", "output_size", "num_layers", "dtype")},
    }
    for name, n in (("class_names", n_out), ("feature_names", n_in)):
        texts = [f"name {i} \u00e9\U0001f600\x00" for i in range(n)]
        values[name] = (None, texts, np.array(texts), *wrong(texts[1:], ["a"] * (n + 1), [*range(n)], "a" * n, 3))
    return [(name, value) for name, choices in values.items() for value in choices]


# ---- arrays

REAL_TYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", ">i2", ">u4", ">f4", ">f8")
OTHER_TYPES = ("c8", "c16", "O", "U3", "S3", "M8[s]", "m8[s]", "V4", "i4,f4")
# the kernels gather rows of the first three themselves
TYPES = st.one_of(st.sampled_from(("f8", "f4", "u1")), st.sampled_from(REAL_TYPES), st.sampled_from(REAL_TYPES))
ANY_TYPES = st.one_of(*[TYPES] * 9, st.sampled_from(OTHER_TYPES))
LAYOUTS = st.sampled_from(("C", "F", "strided", "broadcast", "unaligned", "read-only", "memory map", "list"))
N_ROWS = st.one_of(st.sampled_from((1, 2, 3, 5, 9)), st.sampled_from((0, 1, 4, 33, 64, 512, 513, 2049)))
EXTREMES = {"NaN": np.nan, "infinite": -np.inf, "huge": 2.0**62, "tiny": -(2.0**31)}
ROW_CONTENTS = st.sampled_from((*["normal"] * 3, "pixels", "bits", "constant", *EXTREMES))
WRONG_LABELS = {"negative": -1, "fractional": 0.5, "NaN": np.nan, "infinite": np.inf}
LABEL_CONTENTS = st.sampled_from((*["good"] * 9, "bits", "too large", *WRONG_LABELS))
SURPLUS = st.sampled_from((*[0] * 15, -1, 1))


class Given(NamedTuple):
    """What a network is given, and the same numbers as a plain array: native, aligned, contiguous, its own."""

    value: Any
    plain: np.ndarray


class Recipe(NamedTuple):
    """How to make an array; `surplus` is by how much it is too wide or too long."""

    dtype: str
    layout: str
    content: str
    surplus: int
    n_rows: int
    seed: int

    def rows(self, net: NeuralNetwork) -> Given:
        """Rows of X; now and then a view of the network's own arrays."""
        if self.seed % 16 == 0 and net.outputs:
            return given(net.outputs["X"])
        if self.seed % 16 == 1:
            return given(net.params["W1"].T)
        return self.array(self.n_rows, max(0, net.input_size + self.surplus))

    def labels(self, n_rows: int, n_classes: int) -> Given:
        """Labels of n_rows rows."""
        random, n = np.random.default_rng(self.seed), max(0, n_rows + self.surplus)
        if self.content == "bits":
            return self.array(n)
        values: np.ndarray = random.integers(0, min(n_classes, 127), n).astype(np.float64)
        if self.content != "good" and n:
            values[random.integers(n)] = WRONG_LABELS.get(self.content, n_classes)
        return given(laid_out(cast(values.reshape(-1, 1) if self.seed % 2 else values, self.dtype), self.layout))

    def array(self, *shape: int) -> Given:
        """Numbers of this shape."""
        random, kind = np.random.default_rng(self.seed), np.dtype(self.dtype)
        values = random.integers(0, 256, shape) if self.content == "pixels" else random.standard_normal(shape)
        if self.content == "constant":
            values[...] = 3.0
        if self.content == "bits" and kind.kind not in "bO":
            values = np.frombuffer(random.bytes(values.size * kind.itemsize), kind).reshape(shape).copy()
        elif self.content in ("huge", "tiny") and kind.kind == "f":
            limits = np.finfo(kind)
            extreme = limits.max / 8 if self.content == "huge" else limits.smallest_subnormal * 64
            values = (values * extreme).astype(kind)
        elif self.content in EXTREMES and values.size:
            values[tuple(random.integers(n) for n in shape)] = EXTREMES[self.content]
        return given(laid_out(cast(values, self.dtype), self.layout))


ROWS = st.builds(Recipe, ANY_TYPES, LAYOUTS, ROW_CONTENTS, SURPLUS, N_ROWS, st.integers(0, 2**32 - 1))
LABELS = ROWS.flatmap(
    lambda rows: st.builds(rows._replace, dtype=st.sampled_from(("i8", rows.dtype)), content=LABEL_CONTENTS)
)


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
    if layout == "unaligned" and not array.dtype.hasobject:
        moved = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
        moved[...] = array
        return moved
    if layout == "memory map" and array.size and not array.dtype.hasobject:
        with tempfile.TemporaryFile() as file:
            mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
        mapped[...] = array
        return mapped
    if layout == "read-only":
        array.flags.writeable = False
    return array.tolist() if layout == "list" else array


def given(value: Any) -> Given:
    """An array as it is given, and its plain copy."""
    found = np.asarray(value)
    return Given(value, np.array(found, found.dtype.newbyteorder("="), order="C"))


def cast(values: np.ndarray, dtype: str) -> np.ndarray:
    """The values in another type; zeros in one that is not of real numbers."""
    if dtype in OTHER_TYPES:
        return np.zeros(values.shape, dtype)
    with np.errstate(all="ignore"):
        return values.astype(dtype)
