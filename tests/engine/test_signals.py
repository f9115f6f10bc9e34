"""Networks that a signal interrupts, in a script and in a notebook's cell."""

import signal

import nbclient
import nbformat
import pytest
from process_helpers import run_python

INTERRUPTED = """
    import os, signal, threading, time
    import numpy as np
    from fastmlp import NeuralNetwork

    X, y = np.random.RandomState(0).randn(60, 5), np.arange(60) % 3
    random = np.random.RandomState({seed})

    def state(net):
        found = net.snapshot()
        return [found["flat_params"].tobytes(), *(moment.tobytes() for moment in found["moments"]["Adam"])]

    def orders():
        random = np.random.RandomState(7)
        return [random.permutation(60) for _ in range(40)]

    def network():
        net = NeuralNetwork(5, [4], 3, seed=0)
        net._engine.moments_of("Adam")
        return net

    # what every number of updates leads to
    net = network()
    states = [state(net)]
    for order in orders():
        for start in range(0, 60, 10):
            net.train_epoch(X, y, order[start : start + 10], learning_rate=0.01, optimizer="Adam")
            states.append(state(net))

    def fit(net):
        net.fit(X, y, epochs=40, batch_size=10, learning_rate=0.01, optimizer="Adam", seed=7)

    def three_calls(net):
        for order in orders():
            for start in range(0, 60, 10):
                rows = order[start : start + 10]
                net.forward(X[rows])
                net.backward(y[rows])
                net.update(0.01, opt="Adam")

    def seconds():
        start = time.perf_counter()
        {loop}(network())
        return time.perf_counter() - start

    refused = []

    def look(net):
        try:
            net.snapshot()
        except RuntimeError as error:
            refused.append(error)

    whole = min(seconds() for _ in range(5))
    signal.signal(signal.SIGALRM, signal.default_int_handler)  # a timer that does what Ctrl-C does
    inside = 0
    while inside < {n}:
        net = network()
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, whole))
            {loop}(net)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            n_updates = net._engine.n_updates
            inside += 0 < n_updates < 240
            assert state(net) == states[n_updates], n_updates
            assert {loop} == three_calls or net.gradients == {{}}
            assert len(net.history or []) <= n_updates // 6
            other = threading.Thread(target=look, args=(net,))
            other.start()
            other.join()
            assert not refused, refused
            net.fit(X, y, epochs=1, batch_size=10)
            assert net._engine.n_updates == n_updates + 6
    print("consistent")
"""


@pytest.mark.parametrize("loop", ["fit", "three_calls"])
def test_a_process_that_is_interrupted_at_any_moment_has_a_consistent_network(loop):
    """It is as after some batch, knows which, lets other threads in, and can go on."""
    assert run_python(INTERRUPTED.format(loop=loop, seed=1, n=400)) == "consistent"


CELLS = [
    """
import os, signal, threading
import numpy as np
from fastmlp import NeuralNetwork

X, y = np.random.RandomState(0).randn(4000, 300), np.arange(4000) % 10
net, expected = (NeuralNetwork(300, [100], 10, seed=1) for _ in range(2))
net.train_epoch(X, y, [0])
""",
    """
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
net.fit(X, y, epochs=10**6, batch_size=50, optimizer="Adam", seed=7)
""",
    """
random = np.random.RandomState(7)
expected.train_epoch(X, y, [0])
while (left := net._engine.n_updates - expected._engine.n_updates) > 0:
    expected.train_epoch(X, y, random.permutation(4000)[: 50 * left], batch_size=50, optimizer="Adam")
print(net._engine.n_updates > 1)
print(all(np.array_equal(net.params[name], expected.params[name]) for name in net.params))
print(len(net.fit(X, y, epochs=1)))
""",
]


def test_a_cell_of_a_notebook_can_be_interrupted(tmp_path, monkeypatch):
    """By the signal that Jupyter's button sends; the next cell finds the network as after some batch."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.cells[1].metadata["tags"] = ["raises-exception"]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert [output.ename for output in notebook.cells[1].outputs] == ["KeyboardInterrupt"]
    assert "".join(output.text for output in notebook.cells[2].outputs) == "True\nTrue\n1\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_a_signals_handler_may_predict_whatever_it_interrupts():
    script = """
    import signal
    import numpy as np
    from fastmlp import NeuralNetwork
    X = np.random.RandomState(0).randn(20000, 30)
    net = NeuralNetwork(30, [40], 3, seed=0)
    expected, of_few, found = net.predict_proba(X), net.predict_proba(X[:50]), []

    def predict(signal, frame):
        found.append(np.array_equal(net.predict_proba(X[:50]), of_few))

    signal.signal(signal.SIGALRM, predict)
    while len(found) < 20:
        signal.setitimer(signal.ITIMER_REAL, 1e-3)
        assert np.array_equal(net.predict_proba(X), expected)
        assert len(net.fit(X[:500], np.arange(500) % 3, epochs=1, learning_rate=0)) == 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(all(found))
    """
    assert run_python(script) == "True"
