"""The harness sees through systems that are wrong: python -m pytest benchmarks/test_harness.py"""

import contextlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compare, report, sizes
from benchmarks.cases import CASES, Case
from benchmarks.checks import Check
from benchmarks.data import folder_of
from benchmarks.rounds import Measurement, Worker, measure
from benchmarks.systems.ours import Fit
from benchmarks.systems.plain import InPlace

SMALL = Case((64, 32, 10), 32, ("floor", "fit"), "SGD", rows=2000)


class HalfTheBatch(Fit):
    def train(self, start, stop, seed):
        super().train(start, (start + stop) // 2, seed)


class HalfOfEachBatch(InPlace):
    def gather(self, indices):
        half = len(indices) // 2
        return super().gather(np.concatenate([indices[:half], indices[:half]]))


class WrongGradient(InPlace):
    def backward(self, y):
        loss = super().backward(y)
        self.grads["W2"] *= 1.1
        return loss


class NoRegularization(InPlace):
    def __init__(self, case, *arguments):
        super().__init__(Case(case.sizes, case.batch, (), case.optimizer, regularization=0.0), *arguments)


class Sleeping(Fit):
    def train(self, start, stop, seed):
        super().train(start, stop, seed)
        time.sleep(0.1)


class Failing(Fit):
    def reset(self):
        raise ValueError("this system cannot run")


def path_of(system):
    return f"benchmarks.test_harness:{system.__name__}"


def measured(case, folder, *systems):
    return measure(case, 1, ("floor", "fit", *map(path_of, systems)), folder_of(case, folder), 2, 2, lambda: None)


def test_broken_systems_are_flagged_and_the_sound_one_is_not(tmp_path):
    broken = HalfTheBatch, HalfOfEachBatch, WrongGradient, NoRegularization, Sleeping
    # a regularisation that matters within a block
    case = Case(SMALL.sizes, SMALL.batch, (), "SGD", rows=SMALL.rows, regularization=0.2)
    found = measured(case, tmp_path, *broken)
    assert found.checks["fit"].complaints == ()
    flags = {system.__name__: " ".join(found.flags(path_of(system))) for system in broken}
    assert "loss" in flags["HalfTheBatch"]
    assert "weights" in flags["HalfOfEachBatch"]
    assert "weights" in flags["WrongGradient"]
    assert "weights" in flags["NoRegularization"]
    assert "idle" in flags["Sleeping"]
    assert found.checks[path_of(Sleeping)].complaints == ()


def test_a_system_that_fails_is_named_and_the_others_are_measured(tmp_path):
    found = measured(SMALL, tmp_path, Failing)
    assert "this system cannot run" in found.failed[path_of(Failing)]
    assert set(found.seconds) == {"floor", "fit"}


def test_wrong_predictions_are_flagged():
    assert Check("float32", agreement=1.0).complaints == ()
    assert Check("float32", agreement=0.9).complaints != ()


def test_a_loss_that_is_no_number_is_flagged():
    assert (
        Check("float32", loss=float("nan"), expected_loss=1.0, initial_loss=2.0, distance=float("nan")).complaints != ()
    )


def test_a_process_stands_still_between_its_blocks(tmp_path):
    with contextlib.closing(Worker("fit", SMALL, folder_of(SMALL, tmp_path), 1)) as worker:
        worker.settled()
        for number in range(2):
            assert worker.ask("block", number)["seconds"] > 0
            state = Path(f"/proc/{worker._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            assert state == "T"


def with_floor(*quartiles):
    """A measurement whose floor took so long in each repetition, and fit twice as long as the first."""
    seconds = np.repeat(np.array(quartiles)[:, None], 4, axis=1)
    fit = np.full_like(seconds, 2 * quartiles[0])
    return Measurement(SMALL, 1, {"floor": seconds, "fit": fit}, {"floor": seconds / seconds, "fit": fit / fit})


def test_a_floor_that_moves_makes_a_measurement_void():
    assert not with_floor(1.0, 1.1, 1.149).void
    assert with_floor(1.0, 1.1, 1.151).void


def test_ratios_are_of_lower_quartiles_of_the_same_repetition():
    found = with_floor(1.0, 2.0)
    found.seconds["fit"] = np.array([[4, 3, 9, 5], [4, 4, 4, 4.0]])
    assert found.ratios("fit", "floor").tolist() == [3.75, 2.0]


def test_cases_have_names_of_their_own_and_enough_steps():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.steps >= 20 or case.kind == "predict"
        for block in range(30):
            start, stop = case.rows_of_block(block)
            assert 0 <= start < stop <= case.rows


def test_operations_are_those_of_three_products_a_layer_but_the_inputs_gradient():
    assert Case((4, 10, 3), 5, ()).operations == 2 * 5 * (2 * 4 * 10 + 3 * 10 * 3)
    assert Case((4, 10, 3), 5, (), kind="predict").operations == 2 * 5 * (4 * 10 + 10 * 3)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_exponents_are_found(exponent):
    values = [1, 2, 4, 8, 16, 32]
    # the fixed cost of the small ones does not count
    found = sizes.power_law(values, [max(3.0, 2.0 * n**exponent) for n in values])
    assert found["exponent"] == pytest.approx(exponent)
    assert np.exp(found["intercept"]) == pytest.approx(2.0)


def test_options_that_cannot_be_are_refused(capsys):
    for arguments in (["--threads", "0"], ["--threads", "100000"], ["--system", "mine"], ["--systems", "nobody"]):
        with pytest.raises(SystemExit):
            compare.parse(arguments)
        assert arguments[0] in capsys.readouterr().err


def test_the_table_shows_losses_in_bold_and_what_is_wrong_or_void():
    record = json.loads((report.FOLDER / "compare.json").read_text())
    result = record["cases"][0]
    result["systems"]["NumPy"]["times_fit"] = [0.5, 0.5, 0.5]
    result["systems"]["notebook"]["flags"] = ["loss 1 where the reference has 2"]
    result["void"] = True
    line = report.ratios_table(record, result["threads"])[2]
    assert "**0.50 ± 0.00**" in line
    assert "wrong" in line
    assert "void" in line


def test_a_section_that_differs_is_put_right():
    text = report.README.read_text()
    before, marker, after = text.partition("<!-- sizes: python -m benchmarks.report -->")
    assert report.filled(before + marker + "\nas fast as light\n" + after) == report.filled(text)
    assert "as fast as light" not in report.filled(before + marker + "\nas fast as light\n" + after)


def test_a_picture_of_other_results_is_stale(tmp_path, monkeypatch):
    picture = report.pictures.PICTURES[0]
    assert report.is_drawn(picture)
    for path in report.FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    source = tmp_path / picture.source
    source.write_text(source.read_text().replace(" 1,", " 2,"))
    assert not report.is_drawn(picture)
