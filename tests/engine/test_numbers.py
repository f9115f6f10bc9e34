"""Numbers to their last digits: softmax and loss, Adam over a million steps, denormal numbers, divergence."""

import math
import shutil
import subprocess
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from conftest import assert_same, batch, with_openmp
from process_helpers import run_python

from fastmlp import DivergenceError, NeuralNetwork

SCRIPTS = Path(__file__).parent / "scripts"
DTYPES = ["float32", "float64"]
LARGEST = {"float32": 1e3, "float64": 1e4}


def scores_of(kind, n_classes, dtype):
    """Rows of scores, up to 1e3 in float32 and up to 1e4 in float64."""
    random = np.random.RandomState(n_classes)
    n_rows = max(20, 4000 // n_classes)
    if kind == "equal":
        rows = np.repeat(random.uniform(-LARGEST[dtype], LARGEST[dtype], (n_rows, 1)), n_classes, axis=1)
    elif kind == "extreme gaps":
        rows = random.choice([-LARGEST[dtype], 0, LARGEST[dtype]], (n_rows, n_classes))
    elif kind == "whole numbers":  # whose terms are the same again and again, so that their roundings add up
        rows = random.randint(-3, 4, (n_rows, n_classes))
    else:
        scales = np.logspace(-3, math.log10(LARGEST[dtype]), n_rows)[:, np.newaxis]
        rows = random.uniform(-scales, scales, (n_rows, n_classes))
    return rows.astype(dtype), random.randint(n_classes, size=n_rows)


def exact(scores, labels):
    """Softmax and cross-entropies in long double."""
    scores = scores.astype(np.longdouble)
    rows = np.arange(len(scores))
    terms = np.exp(scores - scores.max(axis=1, keepdims=True))
    others = terms.copy()
    # the largest score's own term is 1: log1p of the others keeps the digits of a small loss
    others[rows, scores.argmax(axis=1)] = 0
    others = others.sum(axis=1)
    return terms / (1 + others[:, np.newaxis]), np.log1p(others) + (scores.max(axis=1) - scores[rows, labels])


def assert_within_4_ulp(found, expected, dtype, flushed):
    """4 units in the last place of the result; besides, up to `flushed` numbers below the smallest normal one are 0."""
    tiny = np.finfo(dtype).tiny
    ulp = np.spacing(np.maximum(expected.astype(dtype), tiny)).astype(np.longdouble)
    excess = np.abs(found - expected) - flushed * np.longdouble(tiny)
    worst = np.unravel_index(np.argmax(excess / ulp), excess.shape)
    assert excess[worst] <= 4 * ulp[worst], (excess[worst] / ulp[worst], found[worst], expected[worst])


@pytest.mark.parametrize("kind", ["equal", "extreme gaps", "whole numbers", "all sizes"])
@pytest.mark.parametrize("n_classes", [1, 2, 3, 10, 17, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_and_loss_are_within_4_ulp(dtype, n_classes, kind):
    scores, labels = scores_of(kind, n_classes, dtype)
    net = NeuralNetwork(n_classes, [], n_classes, dtype=dtype)
    net.params["W1"] = np.eye(n_classes)  # so that scores are the rows themselves
    probabilities, losses = exact(scores, labels)
    assert_within_4_ulp(net.predict_proba(scores).astype(np.longdouble), probabilities, dtype, 1)

    def trained(row, label):
        net.forward(row)
        return net.backward(label)

    for loss_of in (trained, lambda row, label: net.evaluate(row, label)[0]):
        found = [loss_of(scores[i : i + 1], labels[i : i + 1]) for i in range(len(scores))]
        assert_within_4_ulp(np.array(found, np.longdouble), losses, dtype, n_classes)


@pytest.mark.parametrize("dtype", DTYPES)
def test_probabilities_below_the_smallest_normal_number_are_zero(dtype):
    """Those just above it are not, and the loss of a class whose probability is 0 keeps all its digits."""
    at = math.log(np.finfo(dtype).tiny)
    net = NeuralNetwork(2, [], 2, dtype=dtype)
    net.params["W1"] = np.eye(2)
    above, below = net.predict_proba([[0, at + 0.01], [0, at - 0.01]])[:, 1]
    assert np.finfo(dtype).tiny < above < 1.02 * np.finfo(dtype).tiny
    assert below == 0
    assert net.evaluate([[0, -900]], [1])[0] == 900


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_penalty_in_a_loss_is_summed_in_double(dtype):
    X, y = batch(3, 300, 7)
    net = NeuralNetwork(300, [], 7, seed=0, dtype=dtype)
    net.forward(X)
    loss, with_penalty = net.backward(y), net.backward(y, 2.0)
    squares = math.fsum(float(w) ** 2 for w in net.params["W1"].flat)
    np.testing.assert_allclose(with_penalty, loss + squares, rtol=1e-13)


@pytest.mark.parametrize("beta2", [0.999, 0.999999])
@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_keeps_its_bias_correction_over_a_million_steps(dtype, beta2):
    """The gradient is always (x, -x), so each step is rate * x / (x + epsilon), whatever its number.

    The second feature's weights show it: they are set to 0 before a step. The first one's make the loss so large that
    it stays so. A moment is rounded to about one place at each step, which decays as the moment does.
    """
    net = NeuralNetwork(2, [], 2, dtype=dtype)
    net.params["W1"] = [[-2e4, 2e4], [0, 0]]
    X, rate, done = [[1.0, 0.75]], 2.0**-10, 0
    for t in (1, 2, 10, 1000, 10**6):
        for n, start in ((t - 1 - done, None), (1, 0)):
            if start is not None:
                net.params["W1"][1] = start
            if n:
                net.train_epoch(
                    X, [0], np.zeros(n, int), batch_size=1, learning_rate=rate, optimizer="Adam", beta2=beta2
                )
        done = t
        step = rate * 0.75 / (0.75 + 1e-8)
        np.testing.assert_allclose(net.params["W1"][1], [step, -step], rtol=np.finfo(dtype).eps / (1 - beta2))


@pytest.mark.parametrize("beta", [0, 0.5, 0.999, 1 - 2.0**-53])
def test_adams_corrections_keep_their_digits(beta):
    """The step is sqrt((1 - beta) / (1 - beta**t)) where both moments are new; powers of a beta near 1 are near 1."""
    for t in (1, 2, 3, 1000, 10**6 + 1, 2**53):
        net = NeuralNetwork(1, [], 2)
        net.params["W1"] = [[-2e4, 2e4]]
        net.forward([[1.0]])
        net.backward([0])  # the bias's gradient is (-1, 1)
        net.update(1.0, b1=beta, b2=beta, eps=1e-30, opt="Adam", t=t)
        with localcontext(prec=60):
            step = math.sqrt((1 - Decimal(beta)) / (1 - Decimal(beta) ** t))
        np.testing.assert_allclose(net.params["b1"], [step, -step], rtol=4 * np.finfo(float).eps, err_msg=f"t = {t}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_counts_up_to_the_last_whole_number_of_a_float(dtype):
    """beta2**t is 1 / e there for the largest beta2 below 1; such a t has nothing left of other decay rates."""
    net = NeuralNetwork(1, [], 2, dtype=dtype)
    net.params["W1"] = [[-2e4, 2e4]]
    net.forward([[1.0]])
    net.backward([0])  # the bias's gradient is (-1, 1)
    net.update(1.0, b2=1 - 2.0**-53, opt="Adam", t=2**53)
    step = 0.1 / (math.sqrt(2.0**-53 / (1 - math.exp(-1))) + 1e-8)
    np.testing.assert_allclose(net.params["b1"], [step, -step], rtol=4 * np.finfo(dtype).eps)
    net.restore({**net.snapshot(), "n_updates": 2**53 - 2})
    net.train_epoch([[1.0]], [0], [0] * 4, batch_size=1, optimizer="Adam")
    assert net.snapshot()["n_updates"] == 2**53 + 2
    assert all(np.isfinite(array).all() for array in net.params.values())


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@with_openmp
def test_no_thread_is_left_in_another_floating_point_mode(tmp_path):
    """The main thread, threads made before the import and after the training, and OpenMP's."""
    library, source = tmp_path / "mode.so", SCRIPTS / "floating_point_mode.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-fopenmp", "-o", library, source, "-lm"], check=True)
    shown = run_python(SCRIPTS / "floating_point_mode.py", library)
    assert "False" not in shown
    assert len(shown.splitlines()) == 4


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", ["fit", "train_epoch"])
def test_divergence_is_found_at_its_batch(way, dtype):
    """In the third epoch of `fit`, or of a loop of one's own, with the rate that it has come down to."""
    X, y = batch(60, 6, 3, dtype=dtype)
    net = NeuralNetwork(6, [5], 3, seed=0, dtype=dtype)
    random = np.random.RandomState(4)
    orders = [random.permutation(60) for _ in range(3)]
    number = int(np.flatnonzero(orders[2] == 40)[0]) // 7 + 1

    def poison(network, history):
        if len(history) == 2:
            X[40] = np.finfo(dtype).max

    def fit():
        net.fit(X, y, epochs=5, batch_size=7, learning_rate=0.5, learning_rate_decay=0.5, seed=4, callbacks=[poison])

    def train_epoch():
        for epoch, order in enumerate(orders):
            poison(net, range(epoch))
            net.train_epoch(X, y, order, batch_size=7, learning_rate=0.5 / 2**epoch)

    epoch, train, n_kept = {"fit": (3, fit, 0), "train_epoch": (None, train_epoch, number - 1)}[way]
    with pytest.raises(DivergenceError) as caught:
        train()
    assert (caught.value.epoch, caught.value.batch, caught.value.learning_rate) == (epoch, number, 0.125)
    # `fit` goes back to the beginning of the epoch, `train_epoch` keeps the batches before
    assert net.snapshot()["n_updates"] == 2 * 9 + n_kept


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_rows", "n_hidden"), [(7, 5), (700, 5), (1300, 1000)])
def test_nothing_is_applied_of_a_batch_whose_loss_is_not_finite(n_rows, n_hidden, dtype):
    """Neither of one chunk, nor of blocks of rows in a narrow network, nor where the last of several chunks is bad."""
    X, y = batch(n_rows, 6, 3, dtype=dtype)
    X[-1] = np.finfo(dtype).max
    net = NeuralNetwork(6, [n_hidden], 3, seed=0, dtype=dtype)
    before = {name: array.copy() for name, array in net.params.items()}
    with pytest.raises(DivergenceError):
        net.train_epoch(X, y, np.arange(n_rows), batch_size=n_rows)
    assert_same(net.params, before)
