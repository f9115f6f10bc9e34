"""The harness sees through systems that are wrong: python -m pytest benchmarks/test_harness.py"""

import contextlib
import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks import breakdown, compare, pictures, report, sizes
from benchmarks.cases import CASES, FIRST_STEP, Case
from benchmarks.checks import Check
from benchmarks.data import folder_of
from benchmarks.processes import Worker, WorkerError
from benchmarks.rounds import Measurement, measure
from benchmarks.systems import SYSTEMS, installed
from benchmarks.systems.ours import Fit
from benchmarks.systems.plain import InPlace

NET = (64, 32, 10)


class HalfTheRows(Fit):
    def train(self, start, stop, seed):
        super().train(start, (start + stop) // 2, seed)


class HalfOfEachBatch(InPlace):
    def gather(self, indices):
        half = len(indices) // 2
        return super().gather(np.concatenate([indices[:half], indices[:half]]))


class NoMask(InPlace):
    def backward(self, y):
        self.h[1] += 1e-30  # no unit seems to be off
        return super().backward(y)


class ScaledGradient(InPlace):
    def backward(self, y):
        loss = super().backward(y)
        self.grads["W2"] *= 1.1
        return loss


class NotANumberAtFirst(Fit):
    def train(self, start, stop, seed):
        super().train(start, stop, seed)
        if seed < 3:
            self.network.params["W1"][...] = np.nan


class NoRegularization(InPlace):
    def __init__(self, case, *arguments):
        super().__init__(Case(case.sizes, case.batch, (), case.optimizer, regularization=0.0), *arguments)


class Sleeping(Fit):
    def train(self, start, stop, seed):
        super().train(start, stop, seed)
        time.sleep(0.1)


class Constant(Fit):
    def predict(self, X):
        return np.zeros(len(X), int)


class Silent(Fit):
    def weights(self):
        return {}


class Failing(Fit):
    def reset(self):
        raise ValueError("this system cannot run")


class FailingToTune(Fit):
    thread_choices = (0,)

    def use_threads(self, threads):
        raise ValueError("no number of threads will do")


class FailingLate(Fit):
    def train(self, start, stop, seed):
        if seed == 3:
            raise ValueError("this system has had enough")
        super().train(start, stop, seed)


class Misshapen(Fit):
    def weights(self):
        return {name: np.zeros(3) for name in self.network.params}


def own(*systems):
    """The classes above, as they are named to the harness."""
    return {system.__name__: f"benchmarks.test_harness:{system.__name__}" for system in systems}


def measured(case, folder, systems, threads=1):
    systems = installed(["floor", "fit"]) | systems
    return measure(case, threads, systems, folder_of(case, folder), 2, 2, lambda: None)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_systems_that_compute_something_else_are_flagged(tmp_path, optimizer):
    broken = HalfTheRows, HalfOfEachBatch, NoMask, NoRegularization, ScaledGradient, Silent
    found = measured(Case(NET, 32, (), optimizer), tmp_path, own(*broken))
    assert found.flags("fit") == []
    flags = {system.__name__: " ".join(found.flags(system.__name__)) for system in broken}
    assert "loss" in flags["HalfTheRows"]
    assert "weights" in flags["HalfOfEachBatch"]
    assert "weights" in flags["NoMask"]
    assert "weights" in flags["NoRegularization"]
    assert "weights" in flags["ScaledGradient"]
    assert "no result" in flags["Silent"]


def test_a_system_that_sleeps_is_flagged_and_its_result_is_not(tmp_path):
    found = measured(Case(NET, 32, ()), tmp_path, own(Sleeping))
    (flag,) = found.flags("Sleeping")
    assert "idle" in flag
    assert found.flags("fit") == []


def test_wrong_predictions_are_flagged(tmp_path):
    found = measured(Case(NET, 5, (), kind="predict"), tmp_path, own(Constant) | installed(["NumPy"]))
    assert "predictions" in " ".join(found.flags("Constant"))
    assert found.flags("fit") == found.flags("NumPy") == []


def test_every_repetition_is_checked(tmp_path):
    found = measured(Case(NET, 32, ()), tmp_path, own(NotANumberAtFirst))
    assert "loss nan" in " ".join(found.flags("NotANumberAtFirst"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("system", [name for name in SYSTEMS if name not in ("floor", "fit")])
def test_every_system_computes_the_same(tmp_path, system, optimizer, dtype):
    if importlib.util.find_spec(SYSTEMS[system][1]) is None:
        pytest.skip(f"{system} is not installed")
    case = Case(NET, 32, (), optimizer, dtype)
    for kind in (case, Case(NET, 32, (), dtype=dtype, kind="predict")):
        found = measured(kind, tmp_path, installed([system]))
        assert found.failed == {}
        assert [check.complaints for name in ("fit", system) for check in found.checks[name]] == [()] * (
            6 if kind.kind == "train" and optimizer == "Adam" else 4
        )


def test_a_system_that_fails_is_named_and_the_others_are_measured(tmp_path):
    found = measured(Case(NET, 32, ()), tmp_path, own(Failing, FailingToTune, FailingLate, Misshapen))
    assert "no number of threads will do" in found.failed["FailingToTune"]
    assert "this system cannot run" in found.failed["Failing"]
    assert "had enough" in found.failed["FailingLate"]
    assert "no usable result" in found.failed["Misshapen"]
    assert set(found.seconds) == {"floor", "fit"}


def test_without_fit_there_is_nothing_to_compare_with(tmp_path):
    case = Case(NET, 32, ())
    systems = installed(["floor"]) | {"fit": own(Failing)["Failing"]}
    with pytest.raises(WorkerError, match=r"fit cannot be measured(.|\n)*this system cannot run"):
        measure(case, 1, systems, folder_of(case, tmp_path), 2, 2, lambda: None)


def test_a_loss_that_is_no_number_is_flagged():
    nan = float("nan")
    assert Check("float32", "Adam", loss=nan, expected_loss=1.0, initial_loss=2.0, distance=nan).complaints != ()


def test_a_process_stands_still_between_its_blocks(tmp_path):
    case = Case(NET, 32, ())
    with contextlib.closing(Worker(SYSTEMS["fit"][0], case, folder_of(case, tmp_path), 1)) as worker:
        worker.get_ready()
        for number in range(2):
            assert worker.ask("block", number)["seconds"] > 0
            state = Path(f"/proc/{worker._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            assert state == "T"


def with_floor(*quartiles):
    """A measurement whose floor took so long in each repetition, and fit twice as long as the first."""
    seconds = np.repeat(np.array(quartiles)[:, None], 4, axis=1)
    fit, busy, delayed = np.full_like(seconds, 2 * quartiles[0]), np.ones_like(seconds), np.zeros_like(seconds)
    both = ({"floor": values, "fit": values.copy()} for values in (busy, delayed))
    return Measurement(Case(NET, 32, ()), 1, {"floor": seconds, "fit": fit}, *both)


def test_a_floor_that_moves_or_waits_makes_a_measurement_void():
    assert not with_floor(1.0, 1.1, 1.149).void
    assert with_floor(1.0, 1.1, 1.151).void
    for threads, void in (1, True), (2, False):
        waiting = with_floor(1.0, 1.0)
        waiting.threads = threads
        waiting.busy["fit"] -= 0.06
        waiting.delayed["fit"] += 0.06
        assert waiting.void is void


def test_ratios_are_of_lower_quartiles_of_the_same_repetition():
    found = with_floor(1.0, 2.0)
    found.seconds["fit"] = np.array([[4, 3, 9, 5], [4, 4, 4, 4.0]])
    assert found.ratios("fit", "floor").tolist() == [3.75, 2.0]


def test_cases_have_names_of_their_own_and_enough_steps():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.steps >= 20 or case.kind == "predict"
        assert set(case.systems) <= SYSTEMS.keys()
        for block in range(30):
            start, stop = case.rows_of_block(block)
            assert 0 <= start < stop <= case.rows


def test_cases_of_one_name_have_data_of_their_own(tmp_path):
    many = Case(FIRST_STEP.sizes, FIRST_STEP.batch, (), rows=400)
    assert many.name == FIRST_STEP.name
    for case in (many, FIRST_STEP):
        assert len(np.load(folder_of(case, tmp_path) / "X.npy")) == case.rows


def test_operations_are_those_of_three_products_a_layer_but_the_inputs_gradient():
    assert Case((4, 10, 3), 5, ()).operations == 2 * 5 * (2 * 4 * 10 + 3 * 10 * 3)
    assert Case((4, 10, 3), 5, (), kind="predict").operations == 2 * 5 * (4 * 10 + 10 * 3)


def test_the_first_step_is_timed_and_a_failing_system_left_out(tmp_path):
    case = Case(NET, 32, (), steps=1, rows=32)
    found = breakdown.start_to_first_step(
        case, installed(["fit"]) | own(Failing), folder_of(case, tmp_path), 2, lambda: None
    )
    assert list(found) == ["fit"]
    assert len(found["fit"]) == 2


def test_the_phases_of_a_step_are_timed(tmp_path):
    case = Case(NET, 32, (), dtype="float64")
    names = ("floor", "three calls", "NumPy", "notebook")
    found = breakdown.phases(case, 1, installed(names), folder_of(case, tmp_path), 2, lambda: None)
    assert list(found["floor"]) == ["products"]
    for name in names[1:]:
        assert list(found[name]) == ["gather", "forward", "backward", "update"]
        assert min(found[name].values()) > 0


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_exponents_are_found(exponent):
    values = [1, 2, 4, 8, 16, 32]
    # the fixed cost of the small ones does not count
    found = sizes.power_law(values, [max(3.0, 2.0 * n**exponent) for n in values])
    assert found["exponent"] == pytest.approx(exponent)
    assert np.exp(found["intercept"]) == pytest.approx(2.0)
    assert sizes.power_law([1, 2], [1.0, 2.0])["exponent"] is None


def test_the_cost_of_a_size_is_measured(tmp_path):
    case = sizes.net(width=16)
    seconds, memory = sizes.cost(case, 1, folder_of(case, tmp_path))
    assert seconds > 0
    # at least the weights, their gradients, and two moments
    assert memory > 4 * 4 * 784 * 16


def test_options_that_cannot_be_are_refused(capsys):
    for arguments in (
        ["--threads", "0"],
        ["--threads", "100000"],
        ["--blocks", "0"],
        ["--repetitions", "-1"],
        ["--system", "mine"],
        ["--system", "fit=mine:System"],
        ["--system", "=mine:System"],
        ["--system", "a=mine:System", "--system", "a=mine:Other"],
        ["--out", "/"],
        ["--systems", "nobody"],
        ["--cases", "no such case"],
    ):
        with pytest.raises(SystemExit):
            compare.parse(arguments)
        assert arguments[0] in capsys.readouterr().err


def test_only_a_whole_run_has_a_place_for_its_results(monkeypatch):
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    assert compare.parse([]).out is None
    assert compare.parse(["--cifar10", "folder"]).out == compare.RESULTS
    for arguments in (
        ["--repetitions", "4"],
        ["--blocks", "19"],
        ["--quick"],
        ["--cases", "4-10-3"],
        ["--threads", "1"],
        ["--system", "mine=my:System"],
    ):
        assert compare.parse([*arguments, "--cifar10", "folder"]).out is None


def test_a_run_writes_its_results_and_exits_by_them(tmp_path, monkeypatch, capsys):
    out = tmp_path / "results" / "mine.json"
    arguments = ["--cases", "4-10-3", "--systems", "NumPy", "--threads", "1", "--blocks", "2", "--repetitions", "2"]
    for more, status in ([], 0), (["--system", f"broken={own(HalfTheRows)['HalfTheRows']}"], 1):
        monkeypatch.setattr("sys.argv", ["compare", *arguments, *more, "--out", str(out)])
        assert compare.main() == status
    record = json.loads(out.read_text())
    assert record["environment"]["numpy"] == np.__version__
    (result,) = record["cases"]
    assert list(result["systems"]) == ["floor", "fit", "NumPy", "broken"]
    assert result["systems"]["NumPy"]["flags"] == []
    assert result["systems"]["broken"]["flags"] != []
    assert "WRONG: loss" in capsys.readouterr().out
    assert list(out.parent.iterdir()) == [out]


def found_of(*ratios, flags=()):
    return {"times_fit": list(ratios), "flags": list(flags)}


def test_the_table_shows_the_fastest_sound_system_losses_in_bold_and_failures():
    result = {
        "systems": {
            "floor": found_of(0.7, 0.8, 0.9),
            "NumPy": found_of(0.4, 0.5, 0.7),
            "notebook": found_of(0.1, 0.1, 0.1, flags=["wrong gradient"]),
            "PyTorch": found_of(3.0, 3.0, 3.0),
            "PyTorch fused": found_of(2.0, 2.0, 2.0),
            "PyTorch compiled": found_of(0.1, 0.1, 0.1, flags=["wrong gradient"]),
        },
        "failed": {"scikit-learn": "no memory"},
    }
    cells = {column: report.fastest(result, names) for column, names in report.COLUMNS.items()}
    assert cells == {
        "floor": "0.80 ± 0.10",
        "three calls": "",
        "NumPy": "**0.50 ± 0.15**",
        "notebook": "wrong",
        "scikit-learn": "failed",
        "PyTorch": "2.00 ± 0.00",
        "JAX": "",
    }


def test_a_section_of_a_page_that_differs_is_put_right():
    pages = {path: path.read_text() for path in report.PAGES}
    right = report.filled(pages)
    for path, name in zip(report.PAGES, ("sizes", "stages"), strict=True):
        before, marker, after = pages[path].partition(f"<!-- {name}: python -m benchmarks.report -->")
        changed = pages | {path: before + marker + "\nas fast as light\n" + after}
        assert report.filled(changed) == right
        with pytest.raises(SystemExit, match=name):
            report.filled(pages | {path: before + after})
        end = f"<!-- end of {name} -->"
        with pytest.raises(SystemExit, match=f"{path.name} must have the line {end} once"):
            report.filled(pages | {path: pages[path].replace(end, "")})


def test_a_picture_of_other_results_is_stale(tmp_path, monkeypatch):
    picture = pictures.PICTURES[0]
    assert report.is_drawn(picture)
    for path in report.FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    assert report.is_drawn(picture)
    image = Image.open(tmp_path / picture.name)
    tags = PngInfo()
    for name, text in image.info.items():
        tags.add_text(name, str(text))
    image.putpixel((0, 0), (255, 0, 0, 255))
    image.save(tmp_path / picture.name, pnginfo=tags)
    assert not report.is_drawn(picture)
    report.draw(picture)
    assert report.is_drawn(picture)
    (tmp_path / picture.source).write_text("{}")
    assert not report.is_drawn(picture)


def test_what_is_no_file_of_results_is_named(tmp_path):
    path = tmp_path / "compare.json"
    path.write_text('{"cases": [')
    with pytest.raises(SystemExit, match=r"compare\.json is not a file of results"):
        report.loaded(path)
