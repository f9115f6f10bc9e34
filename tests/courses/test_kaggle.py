import numpy as np
import pytest

from fastmlp.courses.kaggle import output_submission_csv

pytestmark = pytest.mark.application


@pytest.mark.parametrize(
    "predictions",
    [
        [3, 8, 0],
        np.array([3, 8, 0], np.uint8),
        np.array([3.0, 8.0, 0.0], np.float32),
        np.array([[3], [8], [0]]),
    ],
)
def test_writes_one_row_for_each_prediction(tmp_path, predictions):
    path = tmp_path / "submission.csv"
    output_submission_csv(path, predictions)
    assert path.read_bytes() == b"id,category\n0,3\n1,8\n2,0\n"


def test_no_predictions_leave_the_header(tmp_path):
    output_submission_csv(tmp_path / "empty.csv", np.empty(0, np.int64))
    assert (tmp_path / "empty.csv").read_bytes() == b"id,category\n"


def test_creates_parent_folders_for_a_path_of_text(tmp_path):
    path = tmp_path / "results" / "first" / "submission.csv"
    output_submission_csv(str(path), [1])
    assert path.read_bytes() == b"id,category\n0,1\n"


def test_names_of_classes(tmp_path):
    output_submission_csv(tmp_path / "a.csv", ["dog", "cat, or so", 'a "dög"'])
    assert (tmp_path / "a.csv").read_text("utf-8") == 'id,category\n0,dog\n1,"cat, or so"\n2,"a ""dög"""\n'


def test_replaces_a_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "submission.csv"
    path.write_text("a longer file than the one that replaces it\n" * 10)
    output_submission_csv(path, [4])
    assert path.read_bytes() == b"id,category\n0,4\n"
    assert list(tmp_path.iterdir()) == [path]


def test_cleans_up_when_the_file_cannot_be_put_in_place(tmp_path):
    path = tmp_path / "a_folder"
    path.mkdir()
    with pytest.raises(OSError, match="a_folder"):
        output_submission_csv(path, [4])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([1, 2.5], r"whole numbers, got 2\.5 at index 1"),
        ([1.0, np.nan], "got nan at index 1"),
        ([np.inf], "got inf at index 0"),
        (np.zeros((4, 10)), r"shape \(n,\) or \(n, 1\), got \(4, 10\)"),
        (np.zeros((4, 1, 1)), r"got \(4, 1, 1\)"),
        (7, r"got \(\)"),
        ([b"cat", b"dog"], r"got dtype \|S3"),
        ([["cat", "dog"]], r"shape \(n,\) or \(n, 1\), got \(1, 2\)"),
        ([1 + 2j], "got dtype complex128"),
        ([[1, 2], [3]], "integer labels"),
    ],
)
def test_refuses_other_predictions_before_touching_the_file(tmp_path, predictions, message):
    path = tmp_path / "kept" / "submission.csv"
    with pytest.raises((TypeError, ValueError), match=f"^predictions must .*{message}"):
        output_submission_csv(path, predictions)
    assert list(tmp_path.iterdir()) == []
