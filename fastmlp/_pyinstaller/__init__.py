"""What PyInstaller has to know of this package, which the entry point `pyinstaller40` leads it to."""

from pathlib import Path


def hook_dirs() -> list[str]:
    """The folder of the hook."""
    return [str(Path(__file__).parent)]
