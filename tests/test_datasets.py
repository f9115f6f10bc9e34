import os
import pickle
import struct
import tracemalloc
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from fastmlp import Standardizer
from fastmlp.datasets import CIFAR10_CLASSES, get_CIFAR10_data, load_digits, unpickling

pytestmark = pytest.mark.application

BATCHES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
ROWS = 6
KEYS = ["X_train", "y_train", "X_val", "y_val", "X_test", "y_test"]
SIZES = {"num_training": 23, "num_validation": 5, "num_test": 4}
PIXELS = np.zeros((2, 3072), np.uint8)


def write_binary(folder, images, labels):
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels, classes in zip(BATCHES, images, labels, strict=True):
        np.column_stack([classes, pixels]).tofile(folder / f"{name}.bin")


def write_pickled(folder, images, labels, dump=pickle.dumps):
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels, classes in zip(BATCHES, images, labels, strict=True):
        (folder / name).write_bytes(dump({"labels": classes.tolist(), "data": pixels}))


def dump_bytes_keys(batch):
    return pickle.dumps({key.encode(): value for key, value in batch.items()}, protocol=2)


def dump_numpy_labels(batch):
    return pickle.dumps({**batch, "labels": list(np.array(batch["labels"]))})


def dump_python2(batch):
    """Write the opcodes that Python 2 wrote: text as 8-bit strings, and the module names of old NumPy."""

    def text(value):
        return b"T" + struct.pack("<i", len(value)) + value

    def integers(*values):
        return b"".join(b"J" + struct.pack("<i", value) for value in values)

    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNN"
        + integers(-1, -1)
        + b"K\x00tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR"
    state = b"(K\x01(" + integers(*batch["data"].shape) + b"t" + dtype + b"\x89" + text(batch["data"].tobytes()) + b"tb"
    labels = b"](" + integers(*batch["labels"]) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + state + text(b"labels") + labels + b"u."


@pytest.fixture
def batches():
    """Images (6, ROWS, 3072) and labels (6, ROWS) in the order of BATCHES; some pixels do not vary."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (len(BATCHES), ROWS, 3072), dtype=np.uint8)
    images[..., 100:110] = 7
    return images, rng.integers(0, 10, (len(BATCHES), ROWS), dtype=np.uint8)


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
    monkeypatch.setattr("fastmlp.datasets.cifar10._BLOCK_ROWS", block_rows)
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
    with pytest.raises(ValueError, match=r"test_batch\.bin must hold labels from 0 to 9, got 10 at image 2"):
        get_CIFAR10_data(**SIZES, folder=tmp_path)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"data": PIXELS[:, 1:], "labels": [0, 0]}, r"got uint8 \(2, 3071\)"),
        ({"data": PIXELS[0], "labels": [0]}, r"got uint8 \(3072,\)"),
        ({"data": PIXELS.astype(float), "labels": [0, 0]}, "got float64"),
        ({"data": PIXELS[:0], "labels": []}, r"n > 0, got uint8 \(0, 3072\)"),
        ({"data": PIXELS, "labels": [0]}, "2 integers, one an image, got 1 of type int"),
        ({"data": PIXELS, "labels": [0.0, True]}, "got 2 of type bool, float"),
        ({"data": PIXELS, "labels": "01"}, "one an image, got str"),
        ({"data": PIXELS, "labels": [0, 2**70]}, "labels from 0 to 9, got 9223372036854775807 at image 1"),
        ({"data": PIXELS.astype("O"), "labels": [0, 0]}, "asks for the type 'O8', which is none of plain numbers"),
        ({"data": PIXELS.astype("U1"), "labels": [0, 0]}, "asks for the type 'U1'"),
        ({"data": PIXELS, "labels": [np.datetime64("2026-11-24"), 0]}, "asks for the type 'M8'"),
        ({"data": PIXELS, "labels": [[0], [1, 2]]}, "got 2 of type list"),
        ({"data": PIXELS, "labels": [0, -1]}, "labels from 0 to 9, got -1 at image 1"),
        ({"data": PIXELS}, "KeyError: b'labels'"),
        ([1, 2, 3], "not a pickled batch"),
    ],
)
def test_pickles_of_something_else_are_refused(pickled, batch, message):
    (pickled / "data_batch_2").write_bytes(pickle.dumps(batch))
    with pytest.raises(ValueError, match=f"data_batch_2 .*{message}"):
        get_CIFAR10_data(**SIZES, folder=pickled)


class Hostile:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_cannot_run_code(pickled, tmp_path, protocol):
    trace = tmp_path / "trace"
    payload = pickle.dumps({"data": Hostile(f'mkdir "{trace}"'), "labels": [0]}, protocol)
    (pickled / "data_batch_1").write_bytes(payload)
    with pytest.raises(ValueError, match=rf"data_batch_1 is not .*: it asks for {os.name}\.system"):
        get_CIFAR10_data(**SIZES, folder=pickled)
    assert not trace.exists()
    pickle.loads(payload)
    assert trace.exists(), "the payload is live: an ordinary unpickler runs it"


@pytest.mark.parametrize("function", [eval, getattr, np.load, pickle.loads])
def test_a_pickle_cannot_look_up_other_functions(pickled, function):
    (pickled / "test_batch").write_bytes(pickle.dumps(function))
    with pytest.raises(ValueError, match=r"test_batch is not .* it asks for"):
        get_CIFAR10_data(**SIZES, folder=pickled)


def test_a_pickle_cannot_use_other_codecs(pickled):
    forged = b"c_codecs\nencode\n(Vtext\nVrot13\ntR."
    assert pickle.loads(forged) == "grkg"
    (pickled / "test_batch").write_bytes(forged)
    with pytest.raises(ValueError, match="it asks for the codec 'rot13'"):
        get_CIFAR10_data(**SIZES, folder=pickled)


def test_a_pickle_cannot_change_the_functions_that_it_calls(pickled):
    forged = b"c_codecs\nencode\n(N}V__defaults__\n(Vlatin1\ntstb."
    (pickled / "test_batch").write_bytes(forged)
    with pytest.raises(ValueError, match="test_batch is not"):
        get_CIFAR10_data(**SIZES, folder=pickled)
    assert unpickling._latin1_bytes.__defaults__ is None


SCALAR, TYPE, ARRAY = b"cnumpy.core.multiarray\nscalar\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n"
FORGED = {
    # each of these ends a process that hands them to NumPy, which would follow the address in them
    "array of objects": b"\x80\x04}(X\x04\0\0\0datah"
    + ARRAY
    + b"((K\x01tX\x01\0\0\0OC\x08AAAAAAAAtRX\x06\0\0\0labels]u.",
    "field of objects": SCALAR
    + b"("
    + TYPE
    + b"(VV8\nI00\nI01\ntR(I3\nV|\nN(Va\nt(dVa\n("
    + TYPE
    + b"(VO\ntRI0\ntsI8\nI1\nI0\ntbVAAAAAAAA\ntR.",
    "state of a number": TYPE + b"(Vu1\ntR(I3\nV|\nN(Va\ntN.",
    "no state": b"cnumpy.core.multiarray\n_reconstruct\n(NNNtR.",
    "too few bytes": b"cnumpy.core.numeric\n_frombuffer\n(C\x01A" + TYPE + b"(Vu1\ntR(I1000000000000\nI3072\ntVC\ntR.",
    "class made anew": b"\x80\x02" + ARRAY + b")\x81.",
    "endless": b"(" * 10_000,
    "no text": b"\x80\x04\x8c\x01\xff.",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_pickle_cannot_make_anything_but_numbers(pickled, name):
    (pickled / "test_batch").write_bytes(FORGED[name])
    with pytest.raises(ValueError, match=r"test_batch (is not a pickled batch|must hold)"):
        get_CIFAR10_data(**SIZES, folder=pickled)


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
    one_file = images[0].nbytes + a_few_images
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
