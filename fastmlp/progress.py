"""Progress bars: tqdm's (extra `progress`), the user's own function, or none."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

from fastmlp.optional import require
from fastmlp.validation import boolean

# Called with the number of units done since the last call.
Advance = Callable[[int], object]

# of a training: a terminal of 80 columns shows the text, and cuts off what comes after it
TRAINING = "{bar}| {elapsed}<{remaining}{postfix} [{n_fmt}/{total_fmt}, {rate_fmt}]"


class Progress(NamedTuple):
    """What a training calls as it goes on.

    Attributes
    ----------
    advance : callable
        Called with the number of batches done since the last call.
    describe : callable or None
        Called with a text about the last epoch; None where no text is shown.
    """

    advance: Advance
    describe: Callable[[str], object] | None = None


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


def progress_bar(progress: bool | Advance | None, total: int) -> Callable[[int], AbstractContextManager[Progress]]:
    """A function that makes the context of a training's bar, given the number of batches that are already done."""
    if callable(progress):
        return lambda done: nullcontext(Progress(progress))
    if progress is None or not boolean("progress", progress):
        return lambda done: nullcontext(Progress(lambda n_batches: None))
    require("tqdm.auto", "progress", "progress=True")  # before any training

    @contextmanager
    def bar(done: int) -> Iterator[Progress]:
        with tqdm_bar(True, total=total, initial=done, unit="batch", bar_format=TRAINING) as advance:
            yield Progress(advance, partial(advance, 0))

    return bar
