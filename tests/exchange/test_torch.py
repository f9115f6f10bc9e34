"""PyTorch's own models: what they compute is what the networks compute, in both directions."""

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS

from fastmlp import NeuralNetwork, Standardizer

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.application

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(30, 5) * [1, 10, 1, 0.1, 1] + [0, 50, 0, 0, -1]
Y = RANDOM.randint(3, size=30)
MODULES = {
    "identity": torch.nn.Identity,
    "relu": torch.nn.ReLU,
    "logistic": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "leaky_relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "gelu": torch.nn.GELU,
    "gelu_tanh": lambda: torch.nn.GELU(approximate="tanh"),
    "silu": torch.nn.SiLU,
}
OUTPUTS = {
    "cross_entropy": lambda scores: scores.softmax(1),
    "binary_cross_entropy": torch.sigmoid,
    "poisson": torch.exp,
    "squared_error": lambda scores: scores,
}


def model(activation, dropout=0.0):
    """A Sequential of three layers, in float64."""
    drop = [torch.nn.Dropout(dropout)] if dropout else []
    hidden = [MODULES[activation](), *drop]
    return torch.nn.Sequential(
        *(torch.nn.Linear(5, 8), *hidden, torch.nn.Linear(8, 6), *hidden, torch.nn.Linear(6, 3))
    ).double()


def outputs(model, loss):
    with torch.no_grad():
        return OUTPUTS[loss](model.eval()(torch.from_numpy(X))).numpy()


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("loss", OUTPUTS)
def test_models_become_networks_and_back(activation, loss):
    theirs = model(activation)
    net = NeuralNetwork.from_state_dict(theirs.state_dict(), activation=activation, loss=loss)
    np.testing.assert_allclose(net.forward(X), outputs(theirs, loss), rtol=1e-9, atol=1e-12)
    again = NeuralNetwork.from_state_dict(dict(theirs.named_parameters()), activation=activation, loss=loss)
    np.testing.assert_array_equal(again.forward(X), net.forward(X))
    for array in net.params.values():
        array += 0.125
    theirs.load_state_dict({key: torch.from_numpy(array) for key, array in net.to_state_dict().items()})
    np.testing.assert_allclose(outputs(theirs, loss), net.forward(X), rtol=1e-9, atol=1e-12)


def test_a_standardizer_and_units_are_in_the_layers():
    net = NeuralNetwork(
        *(5, [8, 6], 3),
        activation="tanh",
        loss="squared_error",
        dropout=0.1,
        standardizer=Standardizer().fit(X),
        seed=0,
    )
    net.fit(X, 1e3 + 100 * np.eye(3)[Y], epochs=3, seed=0)
    theirs = model("tanh", dropout=0.1)
    theirs.load_state_dict({key: torch.from_numpy(array) for key, array in net.to_state_dict().items()})
    np.testing.assert_allclose(outputs(theirs, "squared_error"), net.predict(X), rtol=1e-10)


def test_files_are_those_of_its_library(tmp_path):
    library = pytest.importorskip("safetensors.torch")
    theirs = model("relu")
    library.save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    net = NeuralNetwork.from_state_dict(tmp_path / "theirs.safetensors")
    np.testing.assert_allclose(net.forward(X), outputs(theirs, "cross_entropy"), rtol=1e-9, atol=1e-12)
    net.to_state_dict(tmp_path / "ours.safetensors")
    assert all(
        torch.equal(theirs.state_dict()[key], tensor)
        for key, tensor in library.load_file(tmp_path / "ours.safetensors").items()
    )


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones((3, 4), requires_grad=True),
        torch.nn.Parameter(torch.ones(3, 4)),
        torch.view_as_complex(torch.stack([torch.zeros(3, 4), -torch.ones(3, 4)], 2)).conj().imag,
        torch.ones(4, 3).T,
    ],
    ids=["with gradients", "a parameter", "of negative bits", "transposed"],
)
def test_tensors_of_any_kind_that_has_numbers(tensor):
    net = NeuralNetwork.from_state_dict({"fc.weight": tensor})
    np.testing.assert_array_equal(net.params["W1"], np.ones((4, 3)))


@pytest.mark.parametrize("convert", [lambda tensor: tensor.to("meta"), torch.Tensor.to_sparse], ids=["meta", "sparse"])
def test_tensors_without_numbers_are_refused(convert):
    with pytest.raises(TypeError, match=r"state_dict\['fc\.weight'\] must be a dense tensor with numbers, got one"):
        NeuralNetwork.from_state_dict({"fc.weight": convert(torch.ones(3, 4))})


def test_a_model_is_not_its_state_dict():
    with pytest.raises(TypeError, match=r"or a path, got Sequential: pass model\.state_dict\(\)"):
        NeuralNetwork.from_state_dict(model("relu"))


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (lambda: model("relu").bfloat16(), r"state_dict\['0\.weight'\] must be .* got bfloat16: convert it by \.float"),
        (lambda: torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2)), r"'0\.weight' must be .* got \(4, 3, 2, 2\)"),
        (
            lambda: torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4)),
            "Linear layers only, got '1.running_mean'",
        ),
        (lambda: torch.nn.Sequential(torch.nn.LayerNorm(4)), r"'0\.weight' must be .* of a Linear layer, got \(4,\)"),
        (lambda: torch.nn.LSTM(3, 4), "Linear layers only, got 'weight_ih_l0'"),
    ],
)
def test_other_models_are_refused(other, match):
    with pytest.raises((TypeError, ValueError), match=match):
        NeuralNetwork.from_state_dict(other().state_dict())
