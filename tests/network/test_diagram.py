"""A network in a notebook: HTML with its layers."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from fastmlp import NeuralNetwork, Standardizer

ODD = "</div><script>&\"'"


def shown(net):
    """The parts: what is said of the whole, the layers' texts, and the names of classes."""
    root = ElementTree.fromstring(net._repr_html_())
    head, layers, *names = root
    texts = [[" ".join(part.itertext()) for part in cell[1:]] for cell in layers]
    return " ".join("".join(head.itertext()).split()), texts, ["".join(part.itertext()) for part in names]


def test_layers_with_what_stands_before_and_after_them():
    net = NeuralNetwork(
        1000,
        [32, 8],
        3,
        activation=["leaky_relu", "tanh"],
        dropout=[0.1, 0.25, 0.0],
        label_smoothing=0.1,
        dtype="float32",
        standardizer=Standardizer().fit(np.random.rand(5, 1000)),
    )
    net.class_names = ["cat", ODD, "dog"]
    head, layers, names = shown(net)
    assert (
        head
        == "NeuralNetwork cross_entropy, label_smoothing 0.1 \N{MIDDLE DOT} 32,323 parameters \N{MIDDLE DOT} float32"
    )
    assert layers == [
        ["1,000", "standardized inputs dropout 0.1"],
        ["32", "leaky_relu dropout 0.25"],
        ["8", "tanh"],
        ["3", "softmax"],
    ]
    assert names == [f"classes: cat, {ODD}, dog"]
    label = ElementTree.fromstring(net._repr_html_())[1].get("aria-label")
    assert label.startswith("NeuralNetwork: 1,000, standardized inputs, dropout 0.1; 32, leaky_relu, dropout 0.25; 8")


def test_a_network_without_any_of_it():
    head, layers, names = shown(NeuralNetwork(1, [], 1, loss="poisson"))
    assert head == "NeuralNetwork poisson \N{MIDDLE DOT} 2 parameters \N{MIDDLE DOT} float64"
    assert layers == [["1", "inputs"], ["1", "exponential"]]
    assert names == []


@pytest.mark.parametrize(("n_hidden", "n_cells", "left_out"), [(22, 24, None), (23, 24, "2 more layers")])
def test_many_layers_and_names_are_shortened(n_hidden, n_cells, left_out):
    net = NeuralNetwork(2, range(1, n_hidden + 1), 13)
    net.class_names = [f"class {i}" for i in range(13)]
    _, layers, (names,) = shown(net)
    assert len(layers) == n_cells
    assert [size for size, _ in layers if size.isdigit()] == ["2", *map(str, range(1, 22 if left_out else 23)), "13"]
    assert left_out is None or layers[-2] == ["\N{HORIZONTAL ELLIPSIS}", left_out]
    assert names.endswith("class 10, \N{HORIZONTAL ELLIPSIS}, class 12 (13 in all)")


def test_a_deep_network_is_small():
    assert len(NeuralNetwork(2, [3] * 2000, 2)._repr_html_()) < 20_000


def test_bars_meet_the_bands_between_them():
    cells = ElementTree.fromstring(NeuralNetwork(1000, [3, 10**5], 2)._repr_html_())[1]
    pictures = [cell[0] for cell in cells]
    heights = [float(next(part for part in picture if part.tag == "rect").get("height")) for picture in pictures]
    assert heights[1] < heights[0] < heights[2] > heights[3]
    assert max(heights) <= float(pictures[0].get("height"))
    # each path starts in the middle of a band or at its bar, M x y, and ends there by a vertical line
    bands = [[re.findall(r"[\d.]+", part.get("d")) for part in picture if part.tag == "path"] for picture in pictures]
    assert [len(paths) for paths in bands] == [1, 2, 2, 1]
    middle = float(pictures[0].get("height")) / 2
    for (*_, left), (right, *_) in pairwise(bands):
        half = float(left[4]) / 2  # of the height where the bands meet
        assert left[2] == pictures[0].get("width")
        assert right[0] == "0"
        assert float(right[1]) == pytest.approx(middle - half, abs=0.6)


def test_a_subclass_has_its_own_name():
    assert shown(type("Net<b>", (NeuralNetwork,), {})(2, [], 2))[0].startswith("Net<b> ")
