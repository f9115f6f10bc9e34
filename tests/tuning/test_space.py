"""What is searched."""

import json
from decimal import Decimal

import numpy as np
import pytest
import scipy.stats
from choices import HIDDEN_ACTIVATIONS, OPTIMIZERS, quoted
from tuning_helpers import SPACE

from fastmlp.tuning import HYPER_PARAMETERS, search
from fastmlp.tuning.space import Configuration, combinations

pytestmark = pytest.mark.application


def test_grid_has_every_combination_once_in_order():
    found = combinations(SPACE | {"hidden_size": (8, np.int64(8), 9)}, None, 0)
    wanted = [(n, size, rate) for n in (2, 3) for size in (8, 9) for rate in (0.01, 0.3, 0.1)]
    assert [(one["num_layers"], one["hidden_size"], one["learning_rate"]) for one in found] == wanted
    json.dumps(found)


def test_the_same_network_in_other_words_is_the_same_training():
    def key(**wanted):
        return Configuration.from_dict(wanted).key

    assert key(regularization=-0.0) == key(regularization=0)
    assert key(num_layers=3, hidden_size=7) == key(hidden_sizes=[7, 7], learning_rate=0.001)
    assert key(hidden_sizes=[7, 8]) != key(hidden_sizes=[8, 7])
    assert key(hidden_sizes=[7, 7]) == key(hidden_sizes=[7, 7], dropout=-0.0) == key(num_layers=3, hidden_size=7)
    assert key(hidden_sizes=[7, 7], dropout=0.5) == key(hidden_sizes=[7, 7], dropout=[0, 0.5, 0.5])
    assert key(hidden_sizes=[7, 7], dropout=0.5) != key(hidden_sizes=[7, 7], dropout=[0.5, 0.5, 0.5])
    assert key(hidden_sizes=[7, 7], activation="tanh") == key(hidden_sizes=[7, 7], activation=["tanh", "Tanh"])
    assert key(hidden_sizes=[7, 7], activation="tanh") != key(hidden_sizes=[7, 7], activation=["tanh", "relu"])
    assert key(num_layers=1, activation="tanh") == key(num_layers=1)  # without a hidden layer, nothing applies it


@pytest.mark.parametrize("n_trials", [None, 2])
def test_names_in_upper_and_lower_case_are_the_same_and_written_down_as_they_are_everywhere(n_trials):
    names = {"optimizer": ["adam", "ADAM", "Adam"], "init": ["He", "he"], "activation": "Tanh", "time_step": "EPOCH"}
    (found,) = combinations(names, n_trials, seed=0)
    assert found == {"optimizer": "Adam", "init": "he", "activation": "tanh", "time_step": "epoch"}
    layers = {"hidden_sizes": [[8, 8]], "activation": [["RELU", "Tanh"], ("relu", "tanh")]}
    assert combinations(layers, n_trials, seed=0) == [{"hidden_sizes": [8, 8], "activation": ["relu", "tanh"]}]
    with pytest.raises(ValueError, match="got 'Optimizer'"):
        combinations({"Optimizer": "Adam"}, n_trials, seed=0)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"epochs": [None]}, "epochs must be a positive integer, got None"),
        ({"schedule": "function"}, "schedule must be one of 'constant'"),
        ({"patience": 3}, "space's hyper-parameter must be one of"),
    ],
)
def test_what_cannot_be_searched_is_refused(space, message):
    with pytest.raises(ValueError, match=message):
        combinations(space, None, 0)


def test_all_that_the_notebook_names_can_be_searched():
    for name, value in {
        "hidden_sizes": (20, 10), "init": "he", "learning_rate": 0.2, "learning_rate_decay": 0.9, "beta2": 0.9,
        "regularization": 0.01, "batch_size": 50, "epochs": 4, "optimizer": "SGD", "beta1": 0.8, "epsilon": 1e-6,
        "time_step": "epoch", "drop_last": True, "num_layers": 4, "hidden_size": 3, "activation": "tanh",
        "dropout": 0.5, "schedule": "cosine", "clip_norm": 2.0,
    }.items():  # fmt: skip
        (found,) = combinations({name: [value]}, None, 0)
        assert Configuration.from_dict(found).key != Configuration.from_dict({}).key
        assert name in HYPER_PARAMETERS


def test_random_combinations_differ_and_come_from_the_seed():
    space = {"hidden_size": range(2, 60), "learning_rate": scipy.stats.loguniform(1e-3, 1e-1)}
    found = combinations(space, 30, seed=5)
    assert found == combinations(space, 30, seed=5)
    assert found != combinations(space, 30, seed=6)
    assert len({Configuration.from_dict(one).key for one in found}) == 30
    assert all(1e-3 <= one["learning_rate"] <= 1e-1 for one in found)
    logs = np.log10([one["learning_rate"] for one in found])
    assert (logs < -2).sum() > 5
    assert (logs > -2).sum() > 5
    json.dumps(found)


def test_random_search_of_a_small_space_ends_with_all_of_it():
    found = combinations({"hidden_size": [2, 3], "num_layers": [2, 3]}, 100, seed=0)
    assert sorted((one["hidden_size"], one["num_layers"]) for one in found) == [(2, 2), (2, 3), (3, 2), (3, 3)]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "space must be a mapping with at least one hyper-parameter, got {}"),
        (["learning_rate"], "space must be a mapping with at least one"),
        ({"hidden_sizes": [[8]], "rate": [1]}, "space's hyper-parameter must be one of 'num_layers', .*, got 'rate'"),
        ({"learning_rate": []}, r"space\['learning_rate'\] must have at least one choice, got none"),
        ({"learning_rate": ["fast"]}, "learning_rate must be a number, got 'fast'"),
        ({"learning_rate": [0.1, -1]}, "learning_rate must be finite, at least 0, got -1"),
        ({"batch_size": [2.5]}, "batch_size must be a positive integer, got 2.5"),
        ({"num_layers": 10**18}, "num_layers must be at most 10000, got 1000000000000000000"),
        ({"optimizer": ["Adam", "LBFGS"]}, "optimizer must be one that takes batches, got 'LBFGS'"),
        ({"optimizer": "RMS"}, f"optimizer must be one of {quoted(OPTIMIZERS)}, got 'RMS'"),
        ({"activation": ["relu", "softmax"]}, f"activation must be one of {quoted(HIDDEN_ACTIVATIONS)}, got 'softmax'"),
        ({"activation": [["relu"]]}, "activation must be one name, or 2, one for each hidden layer; got "),
        ({"activation": [["relu", "softmax"]]}, r"activation\[1\] must be one of .*, got 'softmax'"),
        ({"dropout": [0.5, 1]}, "dropout must be finite, at least 0 and below 1, got 1"),
        ({"dropout": ["half"]}, "dropout must be a number, got 'half'"),
        ({"dropout": [[0.5, 0.5]]}, "dropout must be one number for the hidden layers, or 3, one for the inputs and"),
        ({"dropout": [[0, 0.5, -0.5]]}, r"dropout\[2\] must be finite, at least 0 and below 1, got -0.5"),
        ({"dropout": 0.5, "num_layers": [1, 2]}, r"dropout must be 0, or \[rate of the inputs\], without a hidden"),
        ({"init": ["zeros"]}, "init must be one of"),
        ({"drop_last": ["yes"]}, "drop_last must be True or False, got 'yes'"),
        ({"hidden_sizes": [8]}, "hidden_sizes must be a sequence of positive integers, got 8"),
        ({"hidden_sizes": [[8]], "hidden_size": [8]}, "leave out num_layers and hidden_size"),
        ({"learning_rate": scipy.stats.loguniform(1e-3, 1)}, "must be a list of choices where n_trials is not given"),
        ({"batch_size": [500], "drop_last": True}, "batch_size must be at most the 300 rows"),
        ({"learning_rate": [Decimal("0.1")]}, r"learning_rate must be a number, .* got Decimal\('0.1'\)"),
        ({"hidden_sizes": [[8, 8.5]]}, r"hidden_sizes\[1\] must be a positive integer, got 8.5"),
    ],
)
def test_bad_spaces_are_refused_before_anything_is_trained(space, message, data, trained, tmp_path):
    with pytest.raises((TypeError, ValueError), match=message):
        search(space, *data, folder=tmp_path / "new")
    assert trained == []
    assert not (tmp_path / "new").exists()
