"""State dicts of PyTorch, as mappings of arrays and in files; test_torch.py has those of PyTorch itself."""

import json

import numpy as np
import pytest
from conftest import assert_near, full

from fastmlp import ModelFileError, NeuralNetwork, Standardizer
from fastmlp.architecture import Architecture
from fastmlp.engine import Engine

pytestmark = pytest.mark.application

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(30, 5) * [1, 10, 1, 0.1, 1] + [0, 50, 0, 0, -1]
Y = RANDOM.randint(3, size=30)


def layer(n_in, n_out, dtype=np.float32, **names):
    """The entries of a Linear layer."""
    arrays = {"weight": RANDOM.randn(n_out, n_in).astype(dtype), "bias": RANDOM.randn(n_out).astype(dtype)}
    return {f"{module}.{name}": arrays[name] for module, kept in names.items() for name in kept}


BOTH = ("weight", "bias")
PLAIN = {**layer(5, 4, net_0=BOTH), **layer(4, 3, net_2=BOTH)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("start", ["", "net.", "module.body.layers."])
def test_weights_are_transposed(start, dtype):
    arrays = {
        f"{start}0.weight": RANDOM.randn(4, 5).astype(dtype),
        f"{start}0.bias": RANDOM.randn(4).astype(dtype),
        f"{start}2.weight": RANDOM.randn(3, 4).astype(dtype),
    }
    net = NeuralNetwork.from_state_dict(arrays, activation="tanh", loss="squared_error")
    w1, b1, w2 = arrays.values()
    assert (net.dtype, net.hidden_sizes, net.activation, net.loss) == (dtype, [4], "tanh", "squared_error")
    expected = np.tanh(X.astype(dtype) @ w1.T + b1) @ w2.T
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-4 if dtype == "float32" else 1e-12)
    assert not net.params["b2"].any()


def test_settings_are_those_of_a_network():
    settings = {"activation": "gelu", "label_smoothing": 0.1, "dropout": 0.2, "dtype": "float64"}
    net = NeuralNetwork.from_state_dict(PLAIN, **settings)
    assert (net.activation, net.dropout, net.dtype) == ("gelu", 0.2, "float64")
    assert net._engine.architecture.loss_option == 0.1
    huber = NeuralNetwork.from_state_dict(PLAIN, loss="huber", delta=3.0)
    assert huber._engine.architecture.loss_option == 3
    before = np.random.get_state()[1:3]
    history = net.fit(X, Y, epochs=2, seed=0)
    assert len(history) == 2
    np.testing.assert_equal(np.random.get_state()[1:3], before)


def test_a_single_layer_may_have_no_name():
    net = NeuralNetwork.from_state_dict({"weight": [[1.0, 2.0]], "bias": [3.0]}, loss="squared_error")
    assert net.predict([[1.0, 1.0]]) == [6.0]


@pytest.mark.parametrize(
    ("arrays", "error", "match"),
    [
        ({}, ValueError, "at least one Linear layer, got an empty one"),
        ([1], TypeError, "state_dict must be a mapping of arrays or a path, got list"),
        (
            "model.pt",
            ValueError,
            r"must end in \.safetensors, got 'model.pt'; .* torch\.load\(",
        ),
        ({**PLAIN, "bn.running_mean": np.ones(3)}, ValueError, "Linear layers only, got 'bn.running_mean'"),
        ({"1.weight": np.ones(4), "1.bias": np.ones(4)}, ValueError, r"'1.weight' .* \(n_out, n_in\) .* got \(4,\)"),
        ({"0.weight": np.ones((4, 3, 2, 2))}, ValueError, r"'0\.weight' .* of a Linear layer, got \(4, 3, 2, 2\)"),
        ({**layer(5, 4, a=BOTH), **layer(3, 2, b=BOTH)}, ValueError, r"'b\.weight' .* \(n_out, 4\) .* got \(2, 3\)"),
        ({"0.weight": np.ones((4, 5)), "0.bias": np.ones(5)}, ValueError, r"'0\.bias' must have shape \(4,\), got"),
        ({"0.weight": np.ones((0, 5))}, ValueError, r"'0\.weight' .* of a Linear layer, got \(0, 5\)"),
        ({"0.bias": np.ones(4)}, ValueError, "a weight, and perhaps a bias, .* got '0.bias'"),
        (
            {"0.weight": np.ones((4, 5), np.float16)},
            TypeError,
            r"\['0\.weight'\] .* got float16: convert it by \.astype\('float32'\) first",
        ),
        ({"0.weight": np.ones((4, 5), np.int64)}, TypeError, r"\['0\.weight'\] must be .* of float32 .* got int64"),
        ({"0.weight": [[1, 2], [3, 4]]}, TypeError, r"\['0\.weight'\] must be .* of float32 or float64, got int64"),
        (
            {"0.weight": [[1.0, 2.0], [3.0, np.nan]]},
            ValueError,
            r"'0\.weight' must be finite in float64, .* index 1, 1",
        ),
        ({**PLAIN, "net_2.bias": [1.0, -np.inf, 0.0]}, ValueError, r"'net_2\.bias' must be finite .* -inf at index 1"),
        ({0: np.ones((4, 5))}, ValueError, "of Linear layers only, got 0"),
        ({"epoch": 3, "optimizer": {}, "model": PLAIN}, ValueError, r"got 'epoch': pass state_dict\['model'\]"),
        ({"a": {"b": PLAIN}}, ValueError, r"got 'a': pass state_dict\['a'\]"),
        (layer(5, 1, fc=BOTH), ValueError, "loss must be 'binary_cross_entropy', .* got 'cross_entropy', which gives"),
        ("net.npz", ValueError, r"must end in \.safetensors, got 'net\.npz'; NeuralNetwork\.load reads it"),
        ({"state_dict": PLAIN}, ValueError, r"got 'state_dict': pass state_dict\['state_dict'\]"),
        ({"W1": np.ones((4, 5))}, ValueError, "Linear layers only, got 'W1'"),
    ],
    ids=str,
)
def test_what_is_no_chain_of_linear_layers_is_refused(arrays, error, match):
    with pytest.raises(error, match=match):
        NeuralNetwork.from_state_dict(arrays)


@pytest.mark.parametrize("key", ["a" * 10**6, "a" * 10**6 + ".weight"], ids=["another", "of a weight"])
@pytest.mark.parametrize("value", [np.ones(4), np.ones((4, 5), int), np.full((4, 5), np.nan), PLAIN])
def test_an_error_is_short_where_a_key_is_long(key, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        NeuralNetwork.from_state_dict({key: value})
    assert len(str(caught.value)) < 1000


def test_numbers_that_the_dtype_cannot_hold_are_refused():
    arrays = {"fc.weight": np.full((2, 2), 1e300)}
    with pytest.raises(ValueError, match=r"'fc\.weight' must be finite in float32, got 1e\+300 at index 0, 0"):
        NeuralNetwork.from_state_dict(arrays, dtype="float32")
    assert NeuralNetwork.from_state_dict(arrays, dtype="float64").params["W1"].max() == 1e300


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_arrays_of_another_byte_order(dtype):
    net = NeuralNetwork.from_state_dict({"fc.weight": np.full((2, 3), 0.5, dtype)})
    assert (net.dtype, net.params["W1"].tolist()) == (np.dtype(dtype).newbyteorder("="), [[0.5, 0.5]] * 3)


def test_one_dtype_holds_all_numbers():
    arrays = {"0.weight": np.ones((4, 5), np.float32), "1.weight": np.full((2, 4), 0.1)}
    net = NeuralNetwork.from_state_dict(arrays)
    assert (net.dtype, net.params["W2"][0, 0]) == ("float64", 0.1)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_round_trip_with_a_standardizer_and_units_predicts_the_same(dtype, loss):
    net = NeuralNetwork(5, [4, 6], 3, loss=loss, dtype=dtype, seed=0, standardizer=Standardizer().fit(X))
    net.fit(X, Y if loss == "cross_entropy" else 1e4 + 100 * np.eye(3)[Y], epochs=3, seed=0)
    arrays = net.to_state_dict()
    assert {array.dtype for array in arrays.values()} == {np.dtype(dtype)}
    assert all(array.flags.c_contiguous for array in arrays.values())
    again = NeuralNetwork.from_state_dict(arrays, loss=loss)
    assert again.standardizer is None
    rtol = 1e-5 if dtype == "float32" else 1e-12
    assert_near({"": again.forward(X)}, {"": net.forward(X)}, rtol)
    # they are copies
    arrays["0.bias"][...] = np.nan
    assert np.isfinite(net.params["b1"]).all()
    assert np.isfinite(again.params["b1"]).all()


def test_modules_of_dropout_have_places():
    shapes = {
        0.0: ["0", "2", "4"],
        0.1: ["0", "3", "6"],
        (0.1, 0.0, 0.2): ["1", "3", "6"],
    }
    for dropout, places in shapes.items():
        net = NeuralNetwork(5, [4, 6], 3, dropout=dropout)
        assert [key.split(".")[0] for key in net.to_state_dict() if key.endswith("weight")] == places


@pytest.mark.parametrize("distance", [1e6, -1e6])
def test_a_column_that_float32_cannot_hold_warns(distance):
    far = X + distance * np.eye(5)[2]
    for dtype in ("float32", "float64"):
        net = NeuralNetwork(5, [4], 3, dtype=dtype, seed=0, standardizer=Standardizer().fit(far))
        if dtype == "float64":
            net.to_state_dict()  # without a warning
            continue
        with pytest.warns(UserWarning, match="column 2 of X has a mean of .* standard deviations") as caught:
            net.to_state_dict()
        assert caught[0].filename == __file__


def test_outputs_with_units_that_are_no_sums_are_refused():
    net = NeuralNetwork._of(
        Engine(Architecture.of((5, 4, 3), np.dtype("float64"), loss="squared_error", output="tanh"))
    )
    assert list(net.to_state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    net.fit(X, np.eye(3)[Y], epochs=1)
    with pytest.raises(ValueError, match="must be sums where targets are standardised, got outputs by 'tanh'"):
        net.to_state_dict()


class TestFiles:
    @pytest.fixture(autouse=True)
    def _library(self):
        self.library = pytest.importorskip("safetensors.numpy")

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_a_round_trip_of_twelve_layers(self, tmp_path, dtype):
        """Their keys are not in order as texts."""
        net = NeuralNetwork(5, [4] * 11, 3, dtype=dtype, seed=0)
        arrays = net.to_state_dict(tmp_path / "net.safetensors")
        assert_near(self.library.load_file(tmp_path / "net.safetensors"), dict(sorted(arrays.items())), 0)
        again = NeuralNetwork.from_state_dict(str(tmp_path / "net.safetensors"))
        assert again.dtype == dtype
        np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
        content = (tmp_path / "net.safetensors").read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        assert header["__metadata__"] == {"format": "pt"}  # which libraries for PyTorch ask for

    def test_the_suffix_may_be_in_capitals(self, tmp_path):
        net = NeuralNetwork(5, [4], 3, seed=0)
        net.to_state_dict(tmp_path / "NET.SAFETENSORS")
        again = NeuralNetwork.from_state_dict(tmp_path / "NET.SAFETENSORS")
        assert_near(again.params, net.params, 0)

    @pytest.mark.parametrize(
        "modules", [("encoder", "hidden", "out"), ("net.layer1", "net.head"), ("fc_in", "fc1", "fc_out"), ("", "1")]
    )
    def test_an_order_that_is_not_in_numbers_is_refused(self, tmp_path, modules):
        arrays = {f"{module}.weight".lstrip("."): np.eye(4) for module in modules}
        NeuralNetwork.from_state_dict(arrays)  # that of a mapping is known
        self.library.save_file(arrays, tmp_path / "net.safetensors")
        with pytest.raises(
            ValueError, match=f"must differ by their numbers only, got .*'{modules[-1]}'.*: pass the map"
        ):
            NeuralNetwork.from_state_dict(tmp_path / "net.safetensors")

    def test_numbers_of_any_length_are_an_order(self, tmp_path):
        numbers = ["1" * 5000, "9" * 4999, "4", "03"]
        arrays = {f"{number}.weight": np.full((1, 1), len(number) + 0.5) for number in numbers}
        self.library.save_file(arrays, tmp_path / "net.safetensors")
        net = NeuralNetwork.from_state_dict(tmp_path / "net.safetensors", loss="squared_error")
        assert [net.params[f"W{i}"].item() for i in (1, 2, 3, 4)] == [2.5, 1.5, 4999.5, 5000.5]

    def test_model_files_and_state_dicts_are_told_apart(self, tmp_path):
        net, path = NeuralNetwork(5, [4], 3), tmp_path / "net.safetensors"
        net.save(path)
        with pytest.raises(ValueError, match=r"got 'W1': NeuralNetwork\.load reads the files"):
            NeuralNetwork.from_state_dict(path)
        for write in (lambda: net.to_state_dict(path), lambda: self.library.save_file(net.to_state_dict(), path)):
            write()
            with pytest.raises(ModelFileError, match=r"of a state dict, see NeuralNetwork\.from_state_dict"):
                NeuralNetwork.load(path)

    @pytest.mark.parametrize("shape", [[0, 2**62], [1] * 70])
    def test_shapes_that_no_array_has_are_refused(self, tmp_path, shape):
        n_bytes = 0 if 0 in shape else 4
        header = json.dumps({"0.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, n_bytes]}}).encode()
        path = tmp_path / "net.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(n_bytes))
        with pytest.raises(ValueError, match=r"'0\.weight' of .* must be a weight or a bias .*, got shape \["):
            NeuralNetwork.from_state_dict(path)

    def test_it_is_written_whole_or_not_at_all(self, tmp_path, monkeypatch):
        path = tmp_path / "net.safetensors"
        path.write_text("older")
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match=r"net\.safetensors"):
            NeuralNetwork(5, [4], 3).to_state_dict(path)
        with pytest.raises(
            ValueError, match=r"must end in \.safetensors, got .*net\.pt'; for torch.load, call torch.save"
        ):
            NeuralNetwork(5, [4], 3).to_state_dict(tmp_path / "net.pt")
        assert [file.read_text() for file in tmp_path.iterdir()] == ["older"]

    @pytest.mark.parametrize(
        ("content", "error", "match"),
        [
            (b"", ValueError, r"is not a whole \.safetensors file"),
            (b"a letter", ValueError, r"is not a whole \.safetensors file"),
            ({"0.weight": np.ones((2, 2), np.float16)}, TypeError, r"'0\.weight' of .* must be of F32 or F64, got F16"),
            ({"W1": np.ones((2, 2))}, ValueError, "Linear layers only, got 'W1'"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path, content, error, match):
        path = tmp_path / "net.safetensors"
        path.write_bytes(content if isinstance(content, bytes) else self.library.save(content))
        with pytest.raises(error, match=match):
            NeuralNetwork.from_state_dict(path)

    def test_an_array_that_has_been_cut_short(self, tmp_path):
        path = tmp_path / "net.safetensors"
        NeuralNetwork(5, [4], 3).to_state_dict(path)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(ValueError, match=r"is not a whole \.safetensors file"):
            NeuralNetwork.from_state_dict(path)
