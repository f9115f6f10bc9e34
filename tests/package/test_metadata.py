"""What people see of the package where it is published."""

import fnmatch
import importlib.metadata
import re
from pathlib import Path

import pytest

import fastmlp

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.application


def test_every_link_of_the_description_is_absolute():
    """Relative ones lead nowhere on the page of a package index."""
    metadata = importlib.metadata.metadata("fastmlp")
    links = re.findall(r"\]\(([^)]+)\)", metadata["Description"] or metadata.get_payload())
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    pages = [link for link in links if "/fastmlp/fastmlp/" in link]
    assert pages
    assert all(f"/v{fastmlp.__version__}/" in page for page in pages)


@pytest.mark.skipif(not (ROOT / "CITATION.cff").exists(), reason="the tests are here without the project's own pages")
def test_the_version_and_its_date_are_the_same_everywhere():
    assert importlib.metadata.version("fastmlp") == fastmlp.__version__
    heading = re.search(r"^## \[(.+)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading[1] == fastmlp.__version__
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {heading[1]}\ndate-released: {heading[2]}\n" in citation


@pytest.mark.skipif(not (ROOT / ".github").exists(), reason="the tests are here without the project's own pages")
def test_wheels_are_built_and_checks_run_for_the_versions_of_python_in_the_metadata():
    project = (ROOT / "pyproject.toml").read_text()
    versions = re.findall(r"Python :: (3\.\d+)", project)
    (built,) = re.findall('^build = "(.*)"$', project, re.MULTILINE)
    assert [v for v in map("3.{}".format, range(30)) if fnmatch.fnmatch(f"cp{v.replace('.', '')}-x", built)] == versions
    assert (
        re.findall(r"^    (3\.\d+)$", (ROOT / ".github/workflows/checks.yml").read_text(), re.MULTILINE)
        == versions[::-1]
    )
