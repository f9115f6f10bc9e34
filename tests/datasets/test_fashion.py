"""Fashion-MNIST: found, unpacked, split and standardised as plain NumPy does it, or refused by name."""

import gzip
import io
import tracemalloc

import numpy as np
import pytest
from fashion_helpers import FILES, ROWS, SIZES, TEST_ROWS, idx, random_parts, write_fashion

from fastmlp import Standardizer
from fastmlp.datasets import FASHION_CLASSES, get_FASHION_data

pytestmark = pytest.mark.application

KEYS = ["X_train", "y_train", "X_val", "y_val", "X_test", "y_test"]
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES


@pytest.fixture
def arrays():
    return random_parts()


@pytest.fixture
def folder(tmp_path, arrays):
    write_fashion(tmp_path, arrays)
    return tmp_path


def replaced(folder, name, content):
    (folder / name).write_bytes(content)
    return pytest.raises(ValueError, match=name.replace(".", r"\."))


def split(arrays):
    """The pixels and labels of each part."""
    images, labels, test_images, test_labels = arrays
    x, end = images.reshape(-1, 784), SIZES["num_training"] + SIZES["num_validation"]
    n, n_test = SIZES["num_training"], SIZES["num_test"]
    parts = x[:n], labels[:n], x[n:end], labels[n:end], test_images.reshape(-1, 784)[:n_test], test_labels[:n_test]
    return dict(zip(KEYS, parts, strict=True))


@pytest.mark.parametrize("block_rows", [4, 256])
def test_agrees_with_plain_numpy(folder, arrays, block_rows, monkeypatch):
    monkeypatch.setattr("fastmlp.datasets.images._BLOCK_ROWS", block_rows)
    data, expected = get_FASHION_data(*SIZES.values(), folder=folder), split(arrays)
    mean_image = expected["X_train"].mean(axis=0)
    std = (expected["X_train"] - mean_image).std()
    assert list(data) == KEYS
    for key in KEYS:
        if key.startswith("y"):
            np.testing.assert_array_equal(data[key], expected[key].astype(np.int64), strict=True)
        else:
            assert data[key].dtype == np.float64
            np.testing.assert_allclose(data[key], (expected[key] - mean_image) / std, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("dtype", "options"), [(np.float64, {"normalize": False}), (np.float32, {"normalize": False}), (np.uint8, {})]
)
@pytest.mark.parametrize("block_rows", [4, 256])
def test_pixels_as_they_are(folder, arrays, dtype, options, block_rows, monkeypatch):
    monkeypatch.setattr("fastmlp.datasets.images._BLOCK_ROWS", block_rows)
    data = get_FASHION_data(**SIZES, **options, dtype=dtype, folder=folder)
    for key, values in split(arrays).items():
        expected = values.astype(dtype if key.startswith("X") else np.int64)
        np.testing.assert_array_equal(data[key], expected, strict=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_standardizer_does_the_same_to_raw_images(folder, dtype):
    data, raw = (get_FASHION_data(**SIZES, folder=folder, dtype=d) for d in (dtype, np.uint8))
    standardizer = Standardizer(n_channels=1).fit(raw["X_train"])
    for part in ("X_train", "X_val", "X_test"):
        found, expected = standardizer.transform(raw[part], dtype), data[part]
        assert (np.abs(found - expected) <= 4 * np.spacing(np.abs(expected))).all()


def test_fewer_validation_images_than_asked_for(folder):
    with pytest.warns(UserWarning, match="^num_validation asked for 10 images, but 7 are left") as warnings:
        data = get_FASHION_data(23, 10, 4, folder=folder)
    assert data["X_val"].shape == (7, 784)
    assert warnings[0].filename == __file__


def test_more_test_images_than_there_are(folder):
    with pytest.raises(ValueError, match=r"^num_test must be at most 6, .* got 7"):
        get_FASHION_data(**SIZES | {"num_test": TEST_ROWS + 1}, folder=folder)


def test_refuses_what_is_not_true_or_false(folder):
    with pytest.raises(TypeError, match="normalize must be True or False, got 'no'"):
        get_FASHION_data(**SIZES, normalize="no", folder=folder)


def test_where_the_files_are_looked_for(tmp_path, arrays, monkeypatch):
    def write(folder, label):
        arrays[1][:] = label
        write_fashion(tmp_path / folder, arrays)

    def label_read(**arguments):
        return get_FASHION_data(1, 0, 1, **arguments)["y_train"][0]

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    write("fashion-mnist/data/fashion", 1)
    assert label_read() == 1, "a clone of the official repository"
    write("fashion-mnist", 2)
    assert label_read() == 2
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path / "elsewhere"))
    assert label_read() == 2, "nothing there, so the next place"
    write("elsewhere/fashion-mnist", 3)
    assert label_read() == 3, "the environment variable comes first"
    write("given", 4)
    assert label_read(folder=tmp_path / "given") == label_read(folder="given") == 4
    with pytest.raises(FileNotFoundError, match="empty"):
        label_read(folder=tmp_path / "empty")


def test_the_message_when_nothing_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path / "variable"))
    with pytest.raises(FileNotFoundError) as caught:
        get_FASHION_data()
    names = [TRAIN_IMAGES, "data/fashion", "FASTMLP_DATA", "https://github.com/zalandoresearch/fashion-mnist"]
    for part in (tmp_path / "variable", tmp_path / "fashion-mnist", *names):
        assert str(part) in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"missing: {name}$"):
        get_FASHION_data(**SIZES, folder=folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "not packed", "nothing", "a flipped bit", "more behind it"])
def test_a_damaged_file_is_named(folder, name, damage):
    packed = (folder / name).read_bytes()
    middle = bytes([packed[len(packed) // 2] ^ 16])
    content = {
        "cut": packed[: len(packed) - 20],
        "not packed": gzip.decompress(packed),
        "nothing": b"",
        "a flipped bit": packed[: len(packed) // 2] + middle + packed[len(packed) // 2 + 1 :],
        "more behind it": packed + b"more",
    }[damage]
    with replaced(folder, name, content):
        get_FASHION_data(**SIZES, folder=folder)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("keep", [0, 1, 4, 5, 8, -1])
def test_an_incomplete_file_that_is_packed_well_is_named(folder, arrays, number, keep):
    with replaced(folder, FILES[number], gzip.compress(idx(arrays[number])[:keep])):
        get_FASHION_data(**SIZES, folder=folder)


@pytest.mark.parametrize(
    "numbers",
    [
        (2049, ROWS, 28, 28),
        (2051, ROWS, 28, 27),
        (2051, ROWS, 56, 14),
        (2051, 0, 28, 28),
        (2051, 60001, 28, 28),
        (2051, 2**32 - 1, 28, 28),
    ],
)
def test_a_file_that_begins_otherwise_is_refused(folder, arrays, numbers):
    with replaced(folder, TRAIN_IMAGES, gzip.compress(idx(arrays[0], numbers))) as caught:
        get_FASHION_data(**SIZES, folder=folder)
    expected = "must begin with the numbers 2051, n, 28, 28, n from 1 to 60000, got"
    assert f"{expected} [{', '.join(map(str, numbers))}]" in str(caught.value)


def test_labels_that_begin_as_images_are_refused(folder, arrays):
    with replaced(folder, TEST_LABELS, gzip.compress(idx(arrays[3], (2051, TEST_ROWS)))) as caught:
        get_FASHION_data(**SIZES, folder=folder)
    assert "must begin with the numbers 2049, n, n from 1 to 60000, got [2051, 6]" in str(caught.value)


def test_numbers_of_images_and_of_labels_that_disagree_are_refused(folder, arrays):
    with replaced(folder, TEST_LABELS, gzip.compress(idx(arrays[3][1:]))) as caught:
        get_FASHION_data(**SIZES, folder=folder)
    assert "must hold 6 labels, one an image, got 5" in str(caught.value)


def test_labels_out_of_range_are_refused(folder, arrays):
    arrays[1][ROWS - 1] = 10  # not asked for, but the file is wrong
    with replaced(folder, TRAIN_LABELS, gzip.compress(idx(arrays[1]))) as caught:
        get_FASHION_data(**SIZES, folder=folder)
    assert "must hold integer labels from 0 to 9, got 10 at index 29" in str(caught.value)


def test_a_small_file_cannot_fill_the_memory(folder, arrays):
    n_bytes = 2**26
    bomb = gzip.compress(idx(arrays[0]) + bytes(n_bytes))
    tracemalloc.start()
    try:
        with replaced(folder, TRAIN_IMAGES, bomb) as caught:
            get_FASHION_data(**SIZES, folder=folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert f"must hold {arrays[0].size} bytes after its sizes, got more" in str(caught.value)
    assert peak < n_bytes / 16


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_needs_the_memory_of_the_result_and_of_unpacking(tmp_path, dtype):
    images, labels = np.zeros((9000, 28, 28), np.uint8), np.zeros(9000, np.uint8)
    write_fashion(tmp_path, [images, labels, images[:900], labels[:900]])
    tracemalloc.start()
    try:
        data = get_FASHION_data(8900, 100, 900, folder=tmp_path, dtype=dtype)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    while_converting = 0 if dtype == "uint8" else 4 * 256 * 784 * 8
    while_unpacking = 2 * images.nbytes + 20 * io.DEFAULT_BUFFER_SIZE  # gzip copies what it has unpacked
    assert peak < sum(array.nbytes for array in data.values()) + max(while_unpacking, while_converting)


def test_the_class_names():
    assert len(set(FASHION_CLASSES)) == 10
    assert (FASHION_CLASSES[0], FASHION_CLASSES[6], FASHION_CLASSES[9]) == ("T-shirt/top", "Shirt", "Ankle boot")
