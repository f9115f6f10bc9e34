"""Spaces of hyper-parameters: their names, all the combinations of a grid, and combinations drawn at random."""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from fastmlp.engine.parameters import INITIALIZERS
from fastmlp.training import Settings
from fastmlp.validation import integer, layer_sizes, one_of, random_state

# What describes a network. Equal hidden layers come from a number of layers and a size, others from a list of sizes.
NETWORK = {"num_layers": 3, "hidden_size": 120, "hidden_sizes": None, "init": "assignment"}
HYPER_PARAMETERS = (*NETWORK, *(field.name for field in dataclasses.fields(Settings)))

# Far more than can be trained, and few enough for a list of all, which a short line of a file may ask for.
MAX_LAYERS = 10_000

# How often in a row a combination may be drawn that is there already, before a space counts as exhausted.
PATIENCE = 1000


class Plan(NamedTuple):
    """What a combination of hyper-parameters means, checked, with all that it leaves out."""

    hidden_sizes: tuple[int, ...]
    init: str
    settings: Settings

    def record(self) -> dict[str, Any]:
        """All of it, by name."""
        network = {"hidden_sizes": list(self.hidden_sizes), "init": self.init}
        return network | dataclasses.asdict(self.settings) | {"learning_rate": self.settings.rate}

    def spelt(self, combination: Mapping[str, Any]) -> dict[str, Any]:
        """The combination, with its texts in upper and lower case as they are here."""
        record = self.record()
        return {name: record[name] if isinstance(value, str) else value for name, value in combination.items()}

    @property
    def key(self) -> str:
        """The same text for the same training."""
        return json.dumps(self.record())

    def work(self, n_in: int) -> int:
        """About how much training costs, from so many features on, next to other combinations."""
        return self.settings.epochs * sum(a * b for a, b in itertools.pairwise((n_in, *self.hidden_sizes)))

    def shortened(self, factor: int) -> "Plan":
        """With so many times fewer epochs, one at the least."""
        return self._replace(settings=dataclasses.replace(self.settings, epochs=-(-self.settings.epochs // factor)))


def plan(combination: Mapping[str, Any]) -> Plan:
    """What a combination means.

    Raises
    ------
    TypeError, ValueError
        If a name or a value makes no sense.
    """
    for name in combination:
        one_of("hyper-parameter", name, HYPER_PARAMETERS, any_case=False)
    network = {name: combination.get(name, default) for name, default in NETWORK.items()}
    settings = Settings(**{name: value for name, value in combination.items() if name not in NETWORK})
    hidden_sizes = network["hidden_sizes"]
    if hidden_sizes is None:
        n_hidden = integer("num_layers", network["num_layers"], 1, MAX_LAYERS) - 1
        hidden_sizes = [integer("hidden_size", network["hidden_size"])] * n_hidden
    elif combination.keys() & {"num_layers", "hidden_size"}:
        raise ValueError("hidden_sizes names each hidden layer; leave out num_layers and hidden_size")
    sizes = layer_sizes(1, hidden_sizes, 1, None)
    return Plan(sizes[1:-1], one_of("init", network["init"], INITIALIZERS), settings)


def combinations(space: Mapping[str, Any], n_trials: int | None, seed: int) -> list[dict[str, Any]]:
    """All combinations of a space's choices, or `n_trials` of them drawn at random; each is checked, none is twice."""
    if not isinstance(space, Mapping) or not space:
        raise ValueError(f"space must be a mapping with at least one hyper-parameter, got {space!r}")
    choices = {name: _choices(name, values) for name, values in space.items()}
    if n_trials is not None:
        return _drawn(choices, integer("n_trials", n_trials), seed)
    for name, values in choices.items():
        if not isinstance(values, list):
            raise ValueError(f"space[{name!r}] must be a list of choices where n_trials is not given, got {values!r}")
    grid = (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))
    found: dict[str, dict[str, Any]] = {}
    for combination in grid:
        one = plan(combination)
        found.setdefault(one.key, one.spelt(combination))
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
    """A value as JSON has it, since it will be written down."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple | range):
        return [_plain(name, item) for item in value]
    if not isinstance(value, str | int | float | None):
        raise TypeError(f"{name} must be a number, a text or a list of these, got {value!r}")
    return value


def _drawn(choices: dict[str, Any], n_trials: int, seed: int) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    repeated = 0
    with random_state(seed) as generator:
        while len(found) < n_trials and repeated < PATIENCE:
            combination = {name: _one(name, values, generator) for name, values in choices.items()}
            one = plan(combination)
            repeated = repeated + 1 if one.key in found else 0
            found.setdefault(one.key, one.spelt(combination))
    return list(found.values())


def _one(name: str, values: Any, generator: Any) -> Any:
    if isinstance(values, list):
        return values[generator.randint(len(values))]
    return _plain(name, values.rvs(random_state=generator))


def varying(trials: Iterable[Any]) -> list[str]:
    """The hyper-parameters that all trials name and that differ between them, in the order of the space."""
    combinations = [trial.hyper_parameters for trial in trials]
    common = [name for name in combinations[0] if all(name in one for one in combinations)] if combinations else []
    return [name for name in common if any(one[name] != combinations[0][name] for one in combinations)]


def format_value(value: Any) -> str:
    """A value of a hyper-parameter, for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
