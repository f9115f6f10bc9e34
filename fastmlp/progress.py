"""Progress bars: tqdm's (extra `progress`), the user's own function, or none."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from fastmlp.optional import require
from fastmlp.validation import boolean

# Called with the number of units done since the last call.
Advance = Callable[[int], object]


def tqdm_bar(shown: bool, **options: Any) -> AbstractContextManager[Callable[..., object]]:
    """A context of a progress bar, or of none; it gives a function of the units done and of a text to show beside."""
    if not shown:
        return nullcontext(lambda n_done, text="": None)
    tqdm = require("tqdm.auto", "progress", "progress=True").tqdm

    @contextmanager
    def bar() -> Iterator[Callable[..., object]]:
        with tqdm(**options) as bar:

            def advance(n_done: int, text: str = "") -> None:
                if text:
                    bar.set_postfix_str(text, refresh=False)
                bar.update(n_done)

            yield advance

    return bar()


def progress_bar(progress: bool | Advance | None, total: int) -> Callable[[int], AbstractContextManager[Advance]]:
    """A function that makes the context of a bar, given the number of batches that are already done."""
    if callable(progress):
        return lambda done: nullcontext(progress)
    shown = progress is not None and boolean("progress", progress)
    if shown:
        require("tqdm.auto", "progress", "progress=True")  # before any training
    return lambda done: tqdm_bar(shown, total=total, initial=done, unit="batch")
