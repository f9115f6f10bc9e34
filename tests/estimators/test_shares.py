"""Estimators that are fitted at the same time share the processors."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import joblib
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_validate

from fastmlp import MLPClassifier, _kernels
from fastmlp.engine import threads

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X, y = load_iris(return_X_y=True)
N_EPOCHS = 2
SECONDS = 60


def classifier(*callbacks):
    return MLPClassifier((3,), max_iter=N_EPOCHS, random_state=0, callbacks=callbacks)


def shares_alone():
    """What each epoch of a fit has while no other thread fits."""
    shares = []
    classifier(lambda network, history: shares.append(threads.available_threads())).fit(X, y)
    return shares


@pytest.mark.parametrize("share", [1, 2])
def test_a_process_of_joblib_uses_the_share_that_it_has(share, tmp_path):
    # a function in a function, which goes to the workers by value, as this module cannot
    def note(network, history):
        (tmp_path / str(os.getpid())).write_text(str(threads.available_threads()))

    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=share):
        cross_validate(classifier(note), X, y, cv=4)
    found = {int(file.name): int(file.read_text()) for file in tmp_path.iterdir()}
    assert os.getpid() not in found
    assert set(found.values()) == {min(share, threads.available_threads())}


@pytest.fixture
def n_processors(request, monkeypatch):
    """As if there were this many processors; a fit that is alone has all of them, after each test too."""
    monkeypatch.setattr(_kernels, "max_threads", lambda: request.param)
    monkeypatch.setattr(_kernels, "bound_processors", lambda: request.param)
    monkeypatch.setattr(threads, "quota_now", lambda second: None)
    yield request.param
    assert shares_alone() == [request.param] * N_EPOCHS


@pytest.mark.parametrize(("n_processors", "share"), [(8, 4), (3, 1), (1, 1)], indirect=["n_processors"])
@pytest.mark.parametrize("nested", [False, True])
def test_two_threads_get_half_each(n_processors, share, nested):
    """Also after another fit in a callback, whose end is not that of the one around it."""
    together, shares = Barrier(2), []

    def note(network, history):
        if nested:
            classifier().fit(X, y)
        together.wait(SECONDS)
        shares.append(threads.available_threads())
        together.wait(SECONDS)

    joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(classifier(note).fit)(X, y) for _ in range(2))
    assert shares == [share] * 2 * N_EPOCHS


@pytest.mark.parametrize("n_processors", [8], indirect=True)
def test_a_fit_in_a_callback_has_all_as_the_one_around_it(n_processors):
    shares = []
    classifier(lambda *_: shares.extend([*shares_alone(), threads.available_threads()])).fit(X, y)
    assert shares == [n_processors] * (N_EPOCHS + 1) * N_EPOCHS


@pytest.mark.parametrize("n_processors", [8], indirect=True)
def test_a_fit_that_fails_gives_its_share_back(n_processors):
    def fail(network, history):
        raise ArithmeticError

    with ThreadPoolExecutor() as pool, pytest.raises(ArithmeticError):
        pool.submit(classifier(fail).fit, X, y).result()
    assert shares_alone() == [n_processors] * N_EPOCHS


@pytest.mark.parametrize("n_processors", [4], indirect=True)
def test_a_share_is_given_back_where_ctrl_c_comes_at_the_end(n_processors, monkeypatch):
    def interrupt(thread, default):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        patched.setattr(threads._training, "pop", interrupt)
        with threads.training():
            pass
    gc.collect()
    assert len(threads._training) == 0
