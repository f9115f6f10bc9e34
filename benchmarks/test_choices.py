"""What choices cost is measured of networks that learn the same: python -m pytest benchmarks/test_choices.py"""

import importlib.util

import pytest

from benchmarks import choices


@pytest.fixture
def _at_once(monkeypatch):
    """Choices are measured without pauses, for one epoch a turn."""
    monkeypatch.setattr(choices, "PAUSE", 0)
    monkeypatch.setattr(choices, "BLOCK", 1e-9)


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("dtype", choices.DTYPES)
@pytest.mark.parametrize("activation", choices.ACTIVATIONS)
def test_activations_are_timed_where_all_come_to_the_same_loss(activation, dtype, optimizer):
    row = choices.activation_row(choices.REGRESSION | {"rows": 320}, dtype, activation, optimizer, 1)
    assert row[:2] == [activation, dtype]
    assert len(row) == (7 if importlib.util.find_spec("torch") else 4)


def test_an_epoch_of_another_loss_is_not_timed(monkeypatch):
    monkeypatch.setattr(choices, "of_activation", lambda *_: {"three calls": lambda: 1.1, "train_epoch": lambda: 1.0})
    with pytest.raises(AssertionError, match=r"'three calls': 1\.1"):
        choices.activation_row(choices.REGRESSION, "float32", "relu", "SGD", 1)


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("case", [choices.REGRESSION, choices.ASSIGNMENT], ids=choices.described)
def test_options_are_timed(case):
    name, dtype, *texts = choices.options_row(case | {"rows": 2 * case["batch"]}, "float32", "Adam", 2).values()
    assert (name, dtype) == (choices.described(case), "float32")
    assert len(texts) == 5
    for found in texts:
        assert float(found.split(" ± ")[0].replace(",", "")) > 0
