"""The harness finds out systems that are wrong: python -m pytest benchmarks/test_harness.py"""

import contextlib
import importlib.util
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compare, environment, peak, products, report, rounds, sizes
from benchmarks.cases import CASES, FIRST_STEP, Case
from benchmarks.data import folder_of
from benchmarks.processes import Worker, WorkerError
from benchmarks.systems import SYSTEMS, installed
from benchmarks.systems.networks import Fit
from benchmarks.systems.plain import InPlace
from fastmlp.engine.blas import find_blas

NET = (64, 32, 10)


class HalfTheRows(Fit):
    def train(self, start, stop, seed):
        super().train(start, (start + stop) // 2, seed)


class HalfOfEachBatch(InPlace):
    def gather(self, indices):
        half = len(indices) // 2
        return super().gather(np.concatenate([indices[:half], indices[:half]]))


class ScaledGradient(InPlace):
    def update(self):
        self.grads["W2"] *= 1.1
        super().update()


class NoRegularization(InPlace):
    def __init__(self, case, *arguments):
        super().__init__(Case(case.sizes, case.batch, (), case.optimizer, regularization=0.0), *arguments)


class NotANumberAtFirst(Fit):
    def train(self, start, stop, seed):
        super().train(start, stop, seed)
        if seed < 3:
            self.network.params["W1"][...] = np.nan


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


class Misshapen(Fit):
    def weights(self):
        return {name: np.zeros(3) for name in self.network.params}


class Failing(Fit):
    def reset(self):
        raise ValueError("cannot run")


class FailingToTune(Fit):
    thread_choices = (0,)

    def use_threads(self, threads):
        raise ValueError("no such number of threads")


class FailingLate(Fit):
    def train(self, start, stop, seed):
        if seed == 3:
            raise ValueError("fails in the second repetition")
        super().train(start, stop, seed)


ERRORS = {
    HalfTheRows: "loss",
    HalfOfEachBatch: "weights",
    ScaledGradient: "weights",
    NoRegularization: "weights",
    NotANumberAtFirst: "loss nan",
    Sleeping: "idle",
    Silent: "no result",
}
FAILURES = {
    Misshapen: "no usable result",
    Failing: "cannot run",
    FailingToTune: "no such number of threads",
    FailingLate: "fails in the second repetition",
}


def own(*systems):
    """The classes above, as they are named to the harness."""
    return {system.__name__: f"benchmarks.test_harness:{system.__name__}" for system in systems}


def measured(case, folder, systems):
    systems = installed(rounds.NEEDED) | systems
    return rounds.measure(case, 1, systems, folder_of(case, folder), 2, 2)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_systems_that_are_wrong_are_found_and_those_that_fail_left_out(tmp_path, optimizer):
    found = measured(Case(NET, 32, (), optimizer), tmp_path, own(*ERRORS, *FAILURES))
    assert found.errors("fit") == []
    for system, error in ERRORS.items():
        assert error in " ".join(found.errors(system.__name__))
    assert found.seconds.keys() == {"products only", "fit", *own(*ERRORS)}
    assert found.failed.keys() == own(*FAILURES).keys()
    for system, failure in FAILURES.items():
        assert failure in found.failed[system.__name__]


def test_wrong_predictions_are_found(tmp_path):
    found = measured(Case(NET, 5, (), kind="predict"), tmp_path, own(Constant) | installed(["NumPy"]))
    assert "predictions" in " ".join(found.errors("Constant"))
    assert found.errors("fit") == found.errors("NumPy") == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("system", [name for name in SYSTEMS if name not in rounds.NEEDED])
def test_every_system_computes_the_same(tmp_path, system, optimizer, dtype):
    if importlib.util.find_spec(SYSTEMS[system][1]) is None:
        pytest.skip(f"{system} is not installed")
    for kind in "train", "predict":
        found = measured(Case(NET, 32, (), optimizer, dtype, kind=kind), tmp_path, installed([system]))
        assert found.failed == {}
        n_checks = 3 if (kind, optimizer) == ("train", "Adam") else 2
        assert found.checks["fit"] == found.checks[system] == [[]] * n_checks


def test_without_fit_there_is_nothing_to_compare_with(tmp_path):
    with pytest.raises(WorkerError, match=r"fit cannot be measured(.|\n)*cannot run"):
        measured(Case(NET, 32, ()), tmp_path, {"fit": own(Failing)["Failing"]})


def test_a_process_is_stopped_between_its_blocks(tmp_path):
    case = Case(NET, 32, ())
    with contextlib.closing(Worker(SYSTEMS["fit"][0], case, folder_of(case, tmp_path), 1)) as worker:
        worker.get_ready()
        for number in range(2):
            assert worker.ask("block", number)["seconds"] > 0
            state = Path(f"/proc/{worker._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            assert state == "T"


def with_products(*quartiles):
    """A measurement in which the products took these times, a repetition each, and fit the same."""
    seconds = np.repeat(np.array(quartiles)[:, None], 4, axis=1)
    times = ({name: values.copy() for name in rounds.NEEDED} for values in (seconds, seconds**0, 0 * seconds))
    return rounds.Measurement(Case(NET, 32, ()), 1, *times)


def test_a_measurement_is_noisy_if_the_products_time_moves_or_a_thread_waits():
    assert not with_products(1.0, 1.1, 1.149).noisy
    assert with_products(1.0, 1.1, 1.151).noisy
    waiting = with_products(1.0, 1.0)
    waiting.delayed["fit"] += 0.06
    assert waiting.noisy
    waiting.threads = 2
    assert not waiting.noisy


def test_ratios_are_of_lower_quartiles_of_the_same_repetition():
    found = with_products(1.0, 2.0)
    found.seconds["NumPy"] = np.array([[4, 3, 9, 5], [4, 4, 4, 4]])
    assert found.ratios("NumPy").tolist() == [3.75, 2.0]
    assert rounds.quoted([1.0, 2.0, 5.0], "ratio") == {"ratio": 2.0, "ratio_spread": 2.0}


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
    assert [len(np.load(folder_of(case, tmp_path) / "X.npy")) for case in (many, FIRST_STEP)] == [400, 200]


def test_operations_are_those_of_three_products_a_layer_without_the_gradient_of_the_input():
    assert Case((4, 10, 3), 5, ()).operations == 2 * 5 * (2 * 4 * 10 + 3 * 10 * 3)
    assert Case((4, 10, 3), 5, (), kind="predict").operations == 2 * 5 * (4 * 10 + 10 * 3)


def test_the_first_step_is_timed_and_a_failing_system_left_out(tmp_path):
    case = Case(NET, 32, (), steps=1, rows=32)
    found = rounds.start_to_first_step(case, installed(["fit"]) | own(Failing), folder_of(case, tmp_path), 2)
    assert [(name, len(times)) for name, times in found.items()] == [("fit", 2)]


def test_the_phases_of_a_step_are_timed(tmp_path):
    case, names = Case(NET, 32, (), dtype="float64"), ("products only", "three calls", "NumPy", "notebook")
    found = rounds.phases(case, installed(names), folder_of(case, tmp_path), 2)
    assert list(found["products only"]) == ["products"]
    for name in names[1:]:
        assert list(found[name]) == ["gather", "forward", "backward", "update"]
        assert min(found[name].values()) > 0


with_compiler = pytest.mark.skipif(shutil.which(os.environ.get("CC", "cc")) is None, reason="there is no C compiler")


@with_compiler
@pytest.mark.parametrize("name", ["peak_float", "peak_double"])
def test_the_peaks_operations_are_counted(name):
    run = peak.compiled(name)
    of_one, element = run(1), {"peak_float": 4, "peak_double": 8}[name]
    assert run(7) == 7 * of_one
    # a multiply-add in each element of several vectors
    assert of_one % (2 * 16 // element) == 0
    assert of_one >= 2 * 12 * 16 // element


@with_compiler
def test_the_peak_is_measured_with_any_number_of_threads():
    assert min(peak.measured(dtype, threads) for dtype in ("float32", "float64") for threads in (1, 2)) > 0


def test_without_a_compiler_there_is_no_peak_and_no_share_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert peak.compiled("peak_float") is None
    found = measured(Case(NET, 32, ()), tmp_path, {})
    result = compare.summary(found, 1)
    assert result["peak_gflops"] is result["systems"]["fit"]["of_peak"] is None
    assert report.ratios_table({"cases": [result]}, 1).splitlines()[2].split("|")[3].strip() == ""


def test_the_share_of_the_peak_is_that_of_the_products_operations():
    found = with_products(1.0, 1.0)
    found.peak = 4 * found.case.operations
    assert found.share_of_peak(0.5) == 0.5
    found.case = Case(NET, 32, (), kind="cifar10")
    assert found.share_of_peak(0.5) is None


def test_layers_of_several_networks_are_measured_once():
    first, shared, last = (4, 3), (3, 3), (3, 2)
    cases = products.layers([((4, 3, 3), 5), ((3, 3, 2), 5)])
    assert {(case.sizes, case.dtype): needs_dx for case, needs_dx in cases.items()} == {
        (sizes, dtype): sizes != first for dtype in products.DTYPES for sizes in (first, shared, last)
    }


@pytest.mark.skipif(not find_blas().get_threads, reason="SciPy's BLAS cannot be limited to one thread")
def test_products_are_timed_by_tiles_and_by_blas(tmp_path):
    case = Case((16, 8), 32, (), steps=1, rows=32)
    found = products.times(case, folder_of(case, tmp_path), 2)
    assert list(found) == ["forward", "weight gradient", "input gradient"]
    for seconds in found["forward"].values():
        assert len(seconds) == 2
        assert min(seconds) > 0
    table = products.rows(case, False, folder_of(case, tmp_path), 1)
    assert [row[:3] for row in table] == [
        ["forward", "32 x 8 x 16", "float32"],
        ["weight gradient", "16 x 8 x 32", "float32"],
    ]


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
    assert memory > 4 * 4 * 784 * 16  # weights, their gradients, and two moments


def test_options_that_make_no_sense_are_refused(capsys):
    for text in "--threads 0", "--threads 100000", "--system mine", "--out /", "--systems nobody", "--cases 9-9-9":
        with pytest.raises(SystemExit):
            compare.parse(text.split())
        assert text.split()[0] in capsys.readouterr().err


def test_only_a_whole_run_replaces_the_results(monkeypatch):
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    assert compare.parse([]).out is None
    whole = ["--cifar10", "folder"]
    assert compare.parse(whole).out == compare.SUMMARY
    for part in "--repetitions 4", "--rounds 19", "--quick", "--cases 4-10-3", "--threads 1", "--system mine my:System":
        assert compare.parse([*part.split(), *whole]).out is None


def test_a_run_writes_summary_and_raw_times_and_exits_by_the_checks(tmp_path, monkeypatch, capsys):
    out = tmp_path / "results" / "mine.json"
    monkeypatch.setattr(compare, "RAW", tmp_path / "raw")
    arguments = f"compare --cases 4-10-3 --systems NumPy --threads 1 --rounds 2 --repetitions 2 --out {out}".split()
    for more, status in ([], 0), (["--system", "broken", own(HalfTheRows)["HalfTheRows"]], 1):
        monkeypatch.setattr("sys.argv", arguments + more)
        assert compare.main() == status
    record = json.loads(out.read_text())
    assert record["environment"]["numpy"] == np.__version__
    (result,) = record["cases"]
    assert list(result["systems"]) == ["products only", "fit", "NumPy", "broken"]
    assert [result["systems"][name]["checks_passed"] for name in ("NumPy", "broken")] == [2, 0]
    assert "WRONG: loss" in capsys.readouterr().out
    raw = json.loads(max((tmp_path / "raw").iterdir()).read_text().splitlines()[-1])  # a noisy run is repeated
    quartiles = np.percentile(raw["seconds"]["NumPy"], 25, axis=1)
    assert result["systems"]["NumPy"]["seconds"] == pytest.approx(np.median(quartiles), rel=1e-6)


def test_a_file_of_results_has_a_line_for_each_row(tmp_path):
    row = {"name": "a" * 120, "seconds": 0.123456789, "count": 1234567, "none": None}
    environment.write(tmp_path / "some.json", {"rows": [row, row], "systems": {"é": row}})
    text = (tmp_path / "some.json").read_text()
    short = row | {"seconds": 0.1234568}
    assert json.loads(text) == {"rows": [short, short], "systems": {"é": short}}
    assert len(text.splitlines()) == 3


def test_a_table_shows_the_fastest_system_without_errors_losses_in_bold_and_failures():
    ratios = {
        "products only": 0.8,
        "NumPy": 0.5,
        "notebook": 0.1,
        "PyTorch": 3,
        "PyTorch fused": 2,
        "PyTorch compiled": 0.1,
    }
    errors = {0.1: ["wrong gradient"]}
    systems = {name: {"ratio": r, "ratio_spread": 0.1, "errors": errors.get(r, [])} for name, r in ratios.items()}
    result = {"systems": systems, "failed": {"scikit-learn": "no memory"}}
    assert {column: report.fastest(result, names) for column, names in report.COLUMNS.items()} == {
        "products only": "0.80 ± 0.10",
        "three calls": "",
        "NumPy": "**0.50 ± 0.10**",
        "notebook": "wrong",
        "scikit-learn": "failed",
        "PyTorch": "2.00 ± 0.10",
        "JAX": "",
    }


def test_a_section_of_a_page_that_differs_is_put_right():
    pages = {path: path.read_text() for path in report.PAGES}
    right = report.filled(pages)
    for path, name in zip(report.PAGES, ("selected", "sizes", "stages"), strict=True):
        start, end = f"<!-- {name}: python -m benchmarks.report -->", f"<!-- end of {name} -->"
        before, section = pages[path].split(start)
        after = section[section.index(end) :]
        assert report.filled(pages | {path: f"{before}{start}\nas fast as light\n{after}"}) == right
        for incomplete in before + section, pages[path].replace(end, ""):
            with pytest.raises(SystemExit, match=name):
                report.filled(pages | {path: incomplete})


def test_a_picture_of_other_results_is_stale(tmp_path, monkeypatch):
    name, source = "sizes.png", "sizes.json"
    text = (report.RESULTS / source).read_text()
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    (tmp_path / source).write_text(text)
    assert not report.is_drawn(name)
    report.draw(name)
    assert report.is_drawn(name)
    (tmp_path / source).write_text(text + "\n")
    assert not report.is_drawn(name)
