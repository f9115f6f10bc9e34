"""Threads side by side: BLAS's limit, several networks at once, and one network in one thread at a time."""

import copy
import ctypes
import functools
import itertools
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import assert_near, assert_same, batch, can_limit_blas, interrupted_at, limits_blas, trained_state
from process_helpers import run_python

from fastmlp import NeuralNetwork
from fastmlp._kernels import process
from fastmlp.engine import engine, threads
from fastmlp.engine.blas import find_blas


@pytest.fixture
def blas_control():
    """BLAS's own functions that read and set its number of threads, which is put back after the test."""
    get = ctypes.CFUNCTYPE(ctypes.c_int)(find_blas().get_threads)
    set_ = ctypes.CFUNCTYPE(None, ctypes.c_int)(find_blas().set_threads)
    before = get()
    yield get, set_
    set_(before)


def train(n_threads=None, steps=5):
    """A network whose products are cut into blocks, after some steps."""
    X, y = batch(200, 800, 10)
    net = NeuralNetwork(800, [120, 120], 10, seed=1, n_threads=n_threads)
    for _ in range(steps):
        net.forward(X)
        net.backward(y, 0.01)
        net.update(0.05)
    return net


@limits_blas
@pytest.mark.parametrize("limit", [2, 1])
def test_blas_limit_is_restored(blas_control, limit):
    get, set_ = blas_control
    set_(limit)
    train()
    assert get() == limit


@limits_blas
def test_lifted_limit_is_set_again_while_training(blas_control):
    """Another thread lifts it, and waits to see it come down, ten times."""
    get, set_ = blas_control
    stop = threading.Event()
    came_down = []

    def lift():
        while not stop.is_set():
            set_(2)
            while get() == 2 and not stop.is_set():
                pass
            came_down.append(get())

    net = train()
    lifting = threading.Thread(target=lift)
    lifting.start()
    try:
        for _ in range(1000):
            net.backward(np.arange(200) % 10)
            if len(came_down) >= 10:
                break
    finally:
        stop.set()
        lifting.join()
        last = get()
    assert came_down[:10] == [1] * 10
    assert last == 2  # no kernel is under way, and the last wish was not its own


@limits_blas
def test_a_limit_lifted_within_a_call_is_set_again(blas_control, monkeypatch):
    """It comes down more often than calls begin, each of which sets it: products look again."""
    get, set_ = blas_control
    monkeypatch.setattr(engine, "SPAN", 1e9)
    stop = threading.Event()
    came_down = []

    def lift():
        while not stop.is_set():
            set_(2)
            while (now := get()) == 2 and not stop.is_set():
                pass
            if now == 1:
                came_down.append(now)

    X, y = batch(40_000, 200, 3)
    net = NeuralNetwork(200, [50], 3, n_threads=1)
    lifting = threading.Thread(target=lift)
    lifting.start()
    try:
        for calls in range(1, 21):
            net.train_epoch(X, y, batch_size=20, learning_rate=1e-3)
            if len(came_down) > calls:
                break
    finally:
        stop.set()
        lifting.join()
    assert len(came_down) > calls


@limits_blas
def test_a_limit_that_another_thread_chose_meanwhile_stays(blas_control):
    """The products of one row are by tiles, and none looks at it."""
    get, set_ = blas_control
    net = NeuralNetwork(3000, [2000], 10, n_threads=1)
    X = np.ones((1, 3000))
    set_(2)

    def choose():
        while get() != 1:
            pass
        set_(3)

    choosing = threading.Thread(target=choose)
    choosing.start()
    while choosing.is_alive():
        net.forward(X)
    choosing.join()
    assert get() == 3


@limits_blas
@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_results_hold_while_another_thread_lifts_the_limit_without_a_pause(blas_control, n_threads):
    """A product may begin in the instant between the look at the limit and its own, hence the tolerance."""
    expected = train(n_threads)
    _, set_ = blas_control
    stop = threading.Event()

    def lift():
        while not stop.is_set():
            set_(2)

    lifting = threading.Thread(target=lift)
    lifting.start()
    try:
        for _ in range(5):
            assert_near(train(n_threads).params, expected.params, 1e-12)
    finally:
        stop.set()
        lifting.join()


def test_four_nets_in_four_threads_give_the_serial_results():
    expected = train(1)
    nets = [None] * 4

    def work(i):
        nets[i] = train(steps=5)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for net in nets:
        assert_same(net.params, expected.params)


X, Y = batch(60, 20, 3)
WORK = {
    "forward": lambda net: net.forward(X),
    "backward": lambda net: net.backward(Y),
    "update": lambda net: net.update(0.1, opt="Adam"),
    "train_epoch": lambda net: net.train_epoch(X, Y, batch_size=7, optimizer="Momentum"),
    "fit": lambda net: net.fit(X, Y, epochs=2, batch_size=7, seed=0),
}
REFUSED = {
    **WORK,
    "standardizer": lambda net: setattr(net, "standardizer", None),
    "params": lambda net: setattr(net, "params", net.params.copy()),
    "a parameter": lambda net: net.params.update(b1=np.zeros(10)),
    "save": lambda net: net.save(os.devnull),
    "snapshot": lambda net: net.snapshot(),
    "restore": lambda net: net.restore({}),
    "constructor": lambda net: net.__init__(20, [10], 3),
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
}


@pytest.mark.parametrize("work", WORK)
def test_a_net_at_work_refuses_other_threads_and_predicts_for_them(work, monkeypatch):
    """It is stopped on its way into the kernels, and goes on as if no other thread had called."""

    def ready():
        net = NeuralNetwork(20, [10], 3, seed=1)
        WORK["forward"](net)
        WORK["backward"](net)
        return net

    net, alone = ready(), ready()
    probabilities = net.predict_proba(X)
    WORK[work](alone)
    inside, done = threading.Event(), threading.Event()

    def wait(n_threads, work):
        inside.set()
        done.wait(60)
        return 1

    worker = threading.Thread(target=WORK[work], args=(net,))
    with monkeypatch.context() as patch:
        patch.setattr(threads, "team_size", wait)
        worker.start()
        inside.wait(60)
    try:
        for call in REFUSED.values():
            with pytest.raises(RuntimeError, match="at work in another thread"):
                call(net)
        np.testing.assert_array_equal(net.predict_proba(X), probabilities)
    finally:
        done.set()
        worker.join()
    assert_same(trained_state(net), trained_state(alone))
    for call in WORK.values():  # in this order all can be done, and no thread holds the network afterwards
        call(net)


@pytest.mark.parametrize("name", [*WORK, "snapshot"])
def test_a_net_that_was_interrupted_anywhere_is_open_to_other_threads(name):
    """Ctrl-C at the opcodes of Python that are on the way into the kernels and out of them."""
    net = NeuralNetwork(20, [10], 3, seed=1)
    call = {**WORK, "snapshot": NeuralNetwork.snapshot}[name]
    with ThreadPoolExecutor(1) as other:
        for n in itertools.count(step=9 if name == "fit" else 1):
            WORK["forward"](net)
            WORK["backward"](net)
            over = not interrupted_at(n, functools.partial(call, net), event="opcode")
            other.submit(net.snapshot).result()
            if over:
                break


def test_refused_fit_leaves_the_one_under_way_alone():
    """A second thread comes in between two calls of the first one's training."""
    X, y = batch(100, 800, 10)
    net, alone = (NeuralNetwork(800, [20], 10, seed=1) for _ in range(2))
    refused = []

    def intrude(network, history):
        def fit():
            try:
                network.fit(X, y, epochs=1)
            except RuntimeError as error:
                refused.append(str(error))

        intruder = threading.Thread(target=fit)
        intruder.start()
        intruder.join()
        assert network.history is history

    net.fit(X, y, epochs=3, seed=0, callbacks=[intrude])
    alone.fit(X, y, epochs=3, seed=0)
    assert len(refused) == 3
    assert "at work in another thread" in refused[0]
    assert_same(net.params, alone.params)
    net.forward(X)  # no thread holds the network any more


@pytest.mark.usefixtures("no_gate")
@pytest.mark.parametrize("n_threads", [3, 8])
def test_threads_that_are_ahead_in_a_batch_disturb_no_other(n_threads):
    """The first threads are done with the outputs of their rows while others still compute theirs."""
    X, y = batch(40 * 512, 5, 3)
    nets = [NeuralNetwork(5, [7], 3, seed=0, n_threads=n) for n in (1, n_threads)]
    for net in nets:
        net.train_epoch(X, y, np.arange(len(X)), batch_size=512)
    assert_same(nets[1].params, nets[0].params)


def test_predictions_may_come_from_several_threads():
    net = train()
    X, _ = batch(1500, 800, 10)
    expected = net.predict_proba(X)
    results = [None] * 4

    def work(i):
        results[i] = net.predict_proba(X)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


@can_limit_blas
@pytest.mark.parametrize("level", process.supported_levels())
@pytest.mark.parametrize(
    ("asked", "products"),
    [
        ("tiles", "tiles"),
        ("blas", "blas"),
        ("both", "the environment variable FASTMLP_PRODUCTS must be 'auto' or 'tiles' or 'blas', got 'both'"),
    ],
)
def test_products_can_be_chosen(level, asked, products):
    script = """
    try:
        from fastmlp.engine import threads
        print(threads.products)
    except ValueError as error:
        print(error)
    """
    assert run_python(script, FASTMLP_SIMD=level, FASTMLP_PRODUCTS=asked) == products


@can_limit_blas
@pytest.mark.parametrize("level", process.supported_levels())
def test_by_default_blas_computes_products_without_fused_multiply_add(level):
    script = """
    from fastmlp import _kernels
    from fastmlp.engine import threads
    print(threads.products, _kernels.build_info()["has_fma"])
    """
    assert run_python(script, FASTMLP_SIMD=level, FASTMLP_PRODUCTS="auto") in ("tiles True", "blas False")
