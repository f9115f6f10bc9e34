"""Search spaces: the names of hyper-parameters, the combinations of a grid, and random combinations."""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from fastmlp.architecture import Architecture
from fastmlp.engine.parameters import INITIALIZERS
from fastmlp.functions.optimizers import of_batches
from fastmlp.generators import random_state
from fastmlp.settings import Settings
from fastmlp.validation import integer, layer_sizes, one_of

# The network's hyper-parameters. Hidden layers are num_layers - 1 of hidden_size each, or those of hidden_sizes.
NETWORK = {
    "num_layers": 3,
    "hidden_size": 120,
    "hidden_sizes": None,
    "init": "assignment",
    "activation": "relu",
    "dropout": 0.0,
}
# Where a combination does not say how long to train.
EPOCHS = 10
# A trial trains for all its epochs, so that trials can be compared.
_EARLY_STOPPING = ("early_stopping", "patience", "tol", "validation_fraction")
HYPER_PARAMETERS = (
    *NETWORK,
    *(field.name for field in dataclasses.fields(Settings) if field.name not in _EARLY_STOPPING),
)

# More than can be trained: without a limit, a damaged results file could ask for a list that fills the memory.
MAX_LAYERS = 10_000

# A space counts as exhausted after this many draws in a row that gave combinations drawn before.
MAX_REPEATED = 1000


class Configuration(NamedTuple):
    """The network and the training that a combination of hyper-parameters describes, checked, with all defaults."""

    hidden_sizes: tuple[int, ...]
    init: str
    activation: str | tuple[str, ...]
    dropout: float | tuple[float, ...]
    settings: Settings

    @classmethod
    def from_dict(cls, combination: Mapping[str, Any]) -> Self:
        """The configuration of a combination; a TypeError or ValueError for an unknown name or an invalid value."""
        for name in combination:
            one_of("hyper-parameter", name, HYPER_PARAMETERS, any_case=False)
        network = {name: combination.get(name, default) for name, default in NETWORK.items()}
        if "optimizer" in combination:
            of_batches("optimizer", combination["optimizer"])  # L-BFGS may end before all its epochs
        given = {"epochs": EPOCHS} | {name: value for name, value in combination.items() if name not in NETWORK}
        integer("epochs", given["epochs"])
        settings = Settings(**given)  # a schedule is a name here, whether a user's or that of `to_dict`
        hidden_sizes = network["hidden_sizes"]
        if hidden_sizes is None:
            n_hidden = integer("num_layers", network["num_layers"], 1, MAX_LAYERS) - 1
            hidden_sizes = [integer("hidden_size", network["hidden_size"])] * n_hidden
        elif combination.keys() & {"num_layers", "hidden_size"}:
            raise ValueError("hidden_sizes names each hidden layer; leave out num_layers and hidden_size")
        sizes = layer_sizes(1, hidden_sizes, 1, None)
        init = one_of("init", network["init"], INITIALIZERS)
        # of any dtype: the activations and rates are checked, and the same ones get the same words
        chosen = {name: network[name] for name in ("activation", "dropout")}
        architecture = Architecture.of(sizes, np.dtype(np.float32), **chosen)
        return cls(sizes[1:-1], init, architecture.activation, architecture.dropout, settings)

    def to_dict(self) -> dict[str, Any]:
        """All hyper-parameters by name, for JSON."""
        network = {name: _plain(name, value) for name, value in self._asdict().items() if name != "settings"}
        settings = {name: value for name, value in self.settings.to_dict().items() if name in HYPER_PARAMETERS}
        return network | settings

    @property
    def key(self) -> str:
        """A text that is the same for the same training."""
        return json.dumps(self.to_dict())

    def cost(self, n_in: int) -> int:
        """The relative cost of training on rows of `n_in` features."""
        return self.settings.n_epochs * sum(a * b for a, b in itertools.pairwise((n_in, *self.hidden_sizes)))

    def shortened(self, divisor: int) -> Self:
        """With the number of epochs divided, rounded up."""
        return self._replace(settings=dataclasses.replace(self.settings, epochs=-(-self.settings.n_epochs // divisor)))


def combinations(space: Mapping[str, Any], n_trials: int | None, seed: int) -> list[dict[str, Any]]:
    """All different combinations of a space's choices, or `n_trials` of them drawn at random, checked."""
    if not isinstance(space, Mapping) or not space:
        raise ValueError(f"space must be a mapping with at least one hyper-parameter, got {space!r}")
    choices = {name: _choices(name, values) for name, values in space.items()}
    found: dict[str, dict[str, Any]] = {}

    def add(combination: dict[str, Any]) -> bool:
        """Add a combination, with its texts in their usual spelling; returns whether it is new."""
        configuration = Configuration.from_dict(combination)
        record, n_before = configuration.to_dict(), len(found)
        spelled = {name: record[name] if _has_text(value) else value for name, value in combination.items()}
        found.setdefault(configuration.key, spelled)
        return len(found) > n_before

    if n_trials is None:
        for name, values in choices.items():
            if not isinstance(values, list):
                raise ValueError(
                    f"space[{name!r}] must be a list of choices where n_trials is not given, got {values!r}"
                )
        for values in itertools.product(*choices.values()):
            add(dict(zip(choices, values, strict=True)))
    else:
        n_repeated = 0
        with random_state(seed) as generator:
            while len(found) < n_trials and n_repeated < MAX_REPEATED:
                new = add({name: _drawn(name, values, generator) for name, values in choices.items()})
                n_repeated = 0 if new else n_repeated + 1
    return list(found.values())


def _choices(name: str, values: Any) -> Any:
    """A list of choices, or a distribution."""
    one_of("space's hyper-parameter", name, HYPER_PARAMETERS, any_case=False)
    if hasattr(values, "rvs"):
        return values
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        values = [values]
    choices = [_plain(name, value) for value in values]
    if not choices:
        raise ValueError(f"space[{name!r}] must have at least one choice, got none")
    return choices


def _plain(name: str, value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple | range):
        return [_plain(name, item) for item in value]
    if not isinstance(value, str | int | float | None):
        raise TypeError(f"{name} must be a number, a text or a list of these, got {value!r}")
    return value


def _has_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and any(map(_has_text, value)))


def _drawn(name: str, values: Any, generator: Any) -> Any:
    if isinstance(values, list):
        return values[generator.randint(len(values))]
    return _plain(name, values.rvs(random_state=generator))


def varying(trials: Iterable[Any]) -> list[str]:
    """The hyper-parameters that all trials name and that differ between them, in the order of the space."""
    combinations = [trial.hyper_parameters for trial in trials]
    common = [name for name in combinations[0] if all(name in one for one in combinations)] if combinations else []
    return [name for name in common if any(one[name] != combinations[0][name] for one in combinations)]


def format_value(value: Any) -> str:
    """A value of a hyper-parameter as text, for tables and figures."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
