"""Graphs that are written, checked and run."""

import pytest


def run(path, X):
    """The results of a graph by their names."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"X": X}), strict=True))


def exported(network, folder, X, **options):
    """The results of the graph of a network or an estimator."""
    network.to_onnx(folder / "net.onnx", **options)
    onnx = pytest.importorskip("onnx")
    onnx.checker.check_model(onnx.load(folder / "net.onnx"), full_check=True)
    return run(folder / "net.onnx", X)
