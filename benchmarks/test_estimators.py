"""The estimators are compared fairly with scikit-learn's: python -m pytest benchmarks/test_estimators.py"""

import numpy as np
import pytest
from scipy.sparse import issparse

from benchmarks import choices, estimators
from benchmarks.report import estimators_text

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def _at_once(monkeypatch):
    """Times are measured without pauses, of one call a turn."""
    monkeypatch.setattr(choices, "PAUSE", 0)
    monkeypatch.setattr(choices, "BLOCK", 1e-9)


@pytest.mark.usefixtures("_at_once")
def test_both_libraries_are_scored_and_timed():
    score = estimators.compared("iris", 1)
    assert (score["rows"], score["inputs"], score["score"], score["same"]) == (150, 4, "accuracy", True)
    assert 0.9 < score["scikit-learn"] == pytest.approx(score["fastmlp"], abs=0.01)
    times = {title: [estimators.timed("iris", one, 3)] for title, one in estimators.SETTINGS.items()}
    for found in (rows[0] for rows in times.values()):
        assert found["epochs"] == 200
        # with batches of 150 or of 32 rows, 200 epochs of all 150
        rates = {name: found["gflops"][name] * 1e9 * found[name] for name in ("scikit-learn", "fastmlp")}
        n_hidden = 100 if found is times["scikit-learn's defaults"][0] else 32
        expected = 200 * 150 * 2 * n_hidden * (2 * 4 + 3 * 3)
        assert list(rates.values()) == pytest.approx([expected] * 2, rel=0.01)
    tables = estimators_text({"scores": [score], "times": times}).split("\n\n")
    assert [len(part.splitlines()) for part in tables] == [3, 3, 3, 1, 1]
    for part in tables[:3]:
        assert len({line.count("|") for line in part.splitlines()}) == 1


@pytest.mark.parametrize("difference", [-0.02, 0.02])
def test_other_scores_are_shown(difference, monkeypatch):
    monkeypatch.setattr(estimators, "scores", lambda whole, seed: (0.5, 0.5 + difference))
    found = estimators.compared("iris", 2)
    assert found["difference"] == pytest.approx(difference)
    assert f"**{difference:+.4f}**" in estimators_text({"scores": [found], "times": {}})


def test_words_are_sparse_and_of_each_module():
    found = estimators.PROBLEMS["words"]()
    assert issparse(found.X)
    assert found.X.shape == (len(found.y), 2048)
    assert np.bincount(found.y).min() > 100
    assert len(np.bincount(found.y)) == len(estimators.MODULES)


def test_libraries_have_one_thread_and_their_own_kernels():
    found = estimators.alone({"HOME": "/home", "OMP_NUM_THREADS": "8", "OPENBLAS_CORETYPE": "Nehalem"})
    assert found.items() > {"HOME": "/home", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}.items()
    assert "OPENBLAS_CORETYPE" not in found
    assert estimators.alone(found) == found
