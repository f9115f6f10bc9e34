"""CIFAR-10 and the digits: found, read, split and normalised as plain NumPy does it, or refused by name."""

import io
import os
import pickle
import tracemalloc
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from cifar10_helpers import (
    BATCHES,
    ROWS,
    SIZES,
    dump_bytes_keys,
    dump_numpy_labels,
    dump_python2,
    random_batches,
    write_binary,
    write_pickled,
)

from fastmlp import Standardizer
from fastmlp.datasets import CIFAR10_CLASSES, get_CIFAR10_data, load_digits

pytestmark = pytest.mark.application

KEYS = ["X_train", "y_train", "X_val", "y_val", "X_test", "y_test"]


@pytest.fixture
def batches():
    return random_batches()


@pytest.fixture
def binary(tmp_path, batches):
    write_binary(tmp_path, *batches)
    return tmp_path


@pytest.fixture
def pickled(tmp_path, batches):
    write_pickled(tmp_path, *batches)
    return tmp_path


def plain_numpy(images, labels, num_training, num_validation, num_test, subtract_mean):
    """The same data in plain NumPy, step by step."""
    hwc = images.reshape(len(BATCHES), ROWS, 3, 32, 32).transpose(0, 1, 3, 4, 2).astype(np.float64)
    x, y = hwc[:5].reshape(-1, 32, 32, 3), labels[:5].ravel()
    end = num_training + num_validation
    parts = [x[:num_training], x[num_training:end], hwc[5, :num_test]]
    if subtract_mean:
        mean_image = parts[0].mean(axis=0)
        parts = [part - mean_image for part in parts]
    mean = parts[0].mean(axis=(0, 1, 2))
    std = (parts[0] - mean).std(axis=(0, 1, 2))
    train, val, test = (((part - mean) / std).reshape(-1, 3072) for part in parts)
    return dict(zip(KEYS, [train, y[:num_training], val, y[num_training:end], test, labels[5, :num_test]], strict=True))


def assert_same(actual, expected):
    assert list(actual) == KEYS
    for key in KEYS:
        assert actual[key].dtype == expected[key].dtype
        assert np.array_equal(actual[key], expected[key]), key


@pytest.mark.parametrize("subtract_mean", [True, False])
@pytest.mark.parametrize("block_rows", [4, 256])
def test_agrees_with_plain_numpy(binary, batches, subtract_mean, block_rows, monkeypatch):
    monkeypatch.setattr("fastmlp.datasets.images._BLOCK_ROWS", block_rows)
    data = get_CIFAR10_data(**SIZES, subtract_mean=subtract_mean, folder=binary)
    expected = plain_numpy(*batches, **SIZES, subtract_mean=subtract_mean)
    assert list(data) == KEYS
    for key in KEYS:
        assert data[key].dtype == (np.float64 if key.startswith("X") else np.int64)
        # The absolute term is for pixels that differ from the mean by its rounding only.
        np.testing.assert_allclose(data[key], expected[key], rtol=1e-12, atol=1e-13, err_msg=key)


def test_float32_is_rounded_once(binary):
    double = get_CIFAR10_data(**SIZES, folder=binary)
    single = get_CIFAR10_data(**SIZES, folder=binary, dtype="float32")
    assert_same(single, {key: a.astype(np.float32) if key.startswith("X") else a for key, a in double.items()})


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_raw_images_and_the_notebooks_standardizer_are_the_same(binary, dtype):
    data, raw = (get_CIFAR10_data(**SIZES, folder=binary, dtype=d) for d in (dtype, np.uint8))
    standardizer = Standardizer.notebook().fit(raw["X_train"])
    for part in ("train", "val", "test"):
        assert raw[f"X_{part}"].dtype == np.uint8
        np.testing.assert_array_equal(raw[f"y_{part}"], data[f"y_{part}"], strict=True)
        found, expected = standardizer.transform(raw[f"X_{part}"], dtype), data[f"X_{part}"]
        assert (np.abs(found - expected) <= 4 * np.spacing(np.abs(expected))).all()


@pytest.mark.parametrize("subtract_mean", [True, False])
def test_a_constant_channel_becomes_zero(tmp_path, batches, subtract_mean):
    batches[0][..., 1024:2048] = 200
    write_binary(tmp_path, *batches)
    data = get_CIFAR10_data(**SIZES, subtract_mean=subtract_mean, folder=tmp_path)
    assert not data["X_test"][:, 1::3].any()
    assert data["X_test"][:, 0::3].any()


@pytest.mark.parametrize(
    "dump", [dump_bytes_keys, dump_numpy_labels, dump_python2, *range(pickle.HIGHEST_PROTOCOL + 1)]
)
def test_the_layouts_agree(tmp_path, batches, dump):
    write_binary(tmp_path / "b", *batches)
    write_pickled(tmp_path / "p", *batches, dump if callable(dump) else lambda batch: pickle.dumps(batch, dump))
    b, p = (get_CIFAR10_data(**SIZES, folder=tmp_path / name) for name in "bp")
    assert_same(p, b)


@pytest.mark.parametrize(("num_training", "left"), [(23, 7), (30, 0)])
def test_fewer_validation_images_than_asked_for(binary, num_training, left):
    with pytest.warns(UserWarning, match=f"^num_validation asked for 10 images, but {left} are left") as warnings:
        data = get_CIFAR10_data(num_training, 10, 4, folder=binary)
    assert data["X_val"].shape == (left, 3072)
    assert data["y_val"].shape == (left,)
    assert warnings[0].filename == __file__


def test_parts_that_are_not_asked_for_are_empty(binary, recwarn):
    data = get_CIFAR10_data(30, 0, 0, folder=binary)
    assert [data[key].shape for key in KEYS] == [(30, 3072), (30,), (0, 3072), (0,), (0, 3072), (0,)]
    assert not recwarn.list


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_training", 31, "at most 30, .* got 31"),
        ("num_training", 0, "a positive integer, got 0"),
        ("num_training", 2.0, r"a positive integer, got 2\.0"),
        ("num_training", True, "a positive integer, got True"),
        ("num_validation", -1, "an integer of at least 0, got -1"),
        ("num_validation", "5", "an integer of at least 0, got '5'"),
        ("num_test", 7, "at most 6, .* got 7"),
        ("num_test", -1, "an integer of at least 0, got -1"),
        ("dtype", np.float16, "float32, float64 or uint8, got"),
        ("dtype", "nonsense", "float32, float64 or uint8, got 'nonsense'"),
        ("dtype", None, "float32, float64 or uint8, got None"),
    ],
)
def test_refuses_arguments_out_of_range(binary, name, value, message):
    with pytest.raises(ValueError, match=f"^{name} must be {message}"):
        get_CIFAR10_data(**{**SIZES, name: value}, folder=binary)


def test_refuses_what_is_not_true_or_false(binary):
    with pytest.raises(TypeError, match="subtract_mean must be True or False, got 'no'"):
        get_CIFAR10_data(**SIZES, subtract_mean="no", folder=binary)


def test_where_the_files_are_looked_for(tmp_path, batches, monkeypatch):
    def write(writer, folder, label):
        writer(tmp_path / folder, batches[0], np.full_like(batches[1], label))

    def label_read(**arguments):
        return get_CIFAR10_data(1, 0, 1, **arguments)["y_train"][0]

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    write(write_pickled, "cifar10/cifar-10-batches-py", 1)
    assert label_read() == 1
    write(write_binary, "cifar10/cifar-10-batches-bin", 2)
    assert label_read() == 2, "the binary version is preferred"
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path / "elsewhere"))
    assert label_read() == 2, "nothing there, so the next place"
    write(write_pickled, "elsewhere", 3)
    assert label_read() == 3, "the environment variable comes first"
    write(write_binary, "given", 4)
    assert label_read(folder=tmp_path / "given") == label_read(folder="given") == 4
    with pytest.raises(FileNotFoundError, match="empty"):
        label_read(folder=tmp_path / "empty")


def test_the_message_when_nothing_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path / "variable"))
    with pytest.raises(FileNotFoundError) as caught:
        get_CIFAR10_data()
    names = ["data_batch_1.bin", "cifar-10-batches-bin", "cifar-10-batches-py", "FASTMLP_DATA"]
    for part in [tmp_path / "variable", tmp_path / "cifar10", *names, "https://www.cs.toronto.edu/~kriz/cifar.html"]:
        assert str(part) in str(caught.value)


@pytest.mark.parametrize("name", ["data_batch_3.bin", "test_batch.bin"])
def test_a_missing_file_is_named(binary, name):
    (binary / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"missing: {name}$"):
        get_CIFAR10_data(**SIZES, folder=binary)


@pytest.mark.parametrize("keep", [0, 1, ROWS * 3073 - 1])
def test_a_truncated_binary_file_is_named(binary, keep):
    path = binary / "data_batch_4.bin"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=rf"data_batch_4\.bin must hold 3073 bytes for each image, got {keep} bytes"):
        get_CIFAR10_data(**SIZES, folder=binary)


@pytest.mark.parametrize("keep", [0, 1, 1000, -1])
def test_a_truncated_pickle_is_named(pickled, keep):
    path = pickled / "data_batch_4"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="data_batch_4 is not a pickled batch of CIFAR-10: "):
        get_CIFAR10_data(**SIZES, folder=pickled)


def test_labels_out_of_range_are_refused(tmp_path, batches):
    batches[1][5, 2] = 10
    write_binary(tmp_path, *batches)
    with pytest.raises(ValueError, match=r"test_batch\.bin must hold integer labels from 0 to 9, got 10 at index 2"):
        get_CIFAR10_data(**SIZES, folder=tmp_path)


@pytest.mark.parametrize("layout", ["binary", "pickled", "pickled by Python 2"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_needs_the_memory_of_the_result_and_of_one_file(tmp_path, layout, dtype):
    images, labels = np.zeros((6, 600, 3072), np.uint8), np.zeros((6, 600), np.uint8)
    if layout == "binary":
        write_binary(tmp_path, images, labels)
    else:
        write_pickled(tmp_path, images, labels, dump_python2 if layout == "pickled by Python 2" else pickle.dumps)
    tracemalloc.start()
    try:
        data = get_CIFAR10_data(2900, 100, 600, folder=tmp_path, dtype=dtype)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    a_few_images = 30 * 3072
    while_converting = 0 if dtype == "uint8" else 4 * 256 * 3072 * 8
    one_file = images[0].nbytes + io.DEFAULT_BUFFER_SIZE + a_few_images
    assert peak < sum(array.nbytes for array in data.values()) + max(one_file, while_converting)


def test_the_official_versions_of_cifar10():
    places = [Path(os.environ.get("FASTMLP_DATA", ""), f"cifar-10-batches-{kind}") for kind in ("bin", "py")]
    if not all(place.is_dir() for place in places):
        pytest.skip("needs CIFAR-10: set FASTMLP_DATA to a folder with cifar-10-batches-bin and cifar-10-batches-py")
    binary, python = (get_CIFAR10_data(500, 100, 200, folder=place) for place in places)
    assert_same(binary, python)
    assert set(binary["y_train"]) == set(range(10))
    np.testing.assert_allclose(binary["X_train"].reshape(-1, 3).mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(binary["X_train"].reshape(-1, 3).std(axis=0), 1, rtol=1e-10)
    with pytest.raises(ValueError, match=r"num_training must be at most 50000, .* got 50001"):
        get_CIFAR10_data(50001, folder=places[0])
    with pytest.raises(ValueError, match=r"num_test must be at most 10000, .* got 10001"):
        get_CIFAR10_data(num_test=10001, folder=places[0])


def test_the_class_names():
    assert len(set(CIFAR10_CLASSES)) == 10
    assert (CIFAR10_CLASSES[0], CIFAR10_CLASSES[3], CIFAR10_CLASSES[9]) == ("airplane", "cat", "truck")


def test_digits():
    images, labels = load_digits()
    assert (images.shape, images.dtype, images.min(), images.max()) == ((1797, 64), np.uint8, 0, 16)
    assert (labels.shape, labels.dtype) == ((1797,), np.int64)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    images[:] = 99
    assert load_digits()[0].max() == 16, "each call gives arrays of its own"


def test_digits_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn holds the same digits, to compare with")
    expected = datasets.load_digits()
    images, labels = load_digits()
    assert np.array_equal(images, expected.data)
    assert np.array_equal(labels, expected.target)


def test_digits_come_with_their_licence():
    text = resources.files("fastmlp.datasets").joinpath("digits.LICENSE.txt").read_text()
    for part in ("E. Alpaydin and C. Kaynak", "10.24432/C50P49", "https://creativecommons.org/licenses/by/4.0/"):
        assert part in text
