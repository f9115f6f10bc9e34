"""The `fastmlp` command, run in this process."""

import pytest


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the `fastmlp` command in an empty folder."""
    from click.testing import CliRunner

    from fastmlp.cli.commands import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTMLP_DATA", raising=False)
    return lambda *args: CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="fastmlp")
