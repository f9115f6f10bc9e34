"""The README's first example does what its comments say."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.application

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


@pytest.mark.skipif(not README.exists(), reason="the tests are here without the project's README")
def test_first_example(capsys):
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    exec(code, {})
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^print.*# (.*)$", code, re.MULTILINE)
    assert printed[0] == promised[0]
    # the digits beyond depend on the BLAS library's kernels for the processor
    assert printed[1].startswith("History(40 epochs, train loss 0.0")
    assert float(printed[2]) == pytest.approx(float(promised[2]), abs=0.02)


@pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the tests are here without the project's documentation")
def test_the_tested_versions_of_python_are_those_of_the_metadata():
    found = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    named = f"Python {', '.join(found[:-1])} and {found[-1]} are tested; newer ones may be tried."
    for page in (README, ROOT / "docs" / "first_hour.md"):
        assert named in page.read_text()
