"""Progress bars: tqdm's (extra `progress`), the user's own function, or none."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

from fastmlp.optional import require
from fastmlp.validation import boolean

# Called with the number of units done since the last call.
Advance = Callable[[int], object]

# of a training: a terminal of 80 columns shows the text, and cuts off what comes after it
BAR_FORMAT = "{bar}| {elapsed}<{remaining}{postfix} [{n_fmt}/{total_fmt}, {rate_fmt}]"


class Progress(NamedTuple):
    """What a training calls as it goes on.

    Attributes
    ----------
    advance : callable
        Called with the number of batches done since the last call.
    describe : callable or None
        Called with a text about the last epoch; None where no text is shown.
    """

    advance: Advance = lambda n_batches: None
    describe: Callable[[str], object] | None = None


@contextmanager
def tqdm_bar(is_shown: bool, **options: Any) -> Iterator[Callable[..., object]]:
    """A context of a progress bar, or of none; it gives a function of the units done and of a text to show beside."""
    if not is_shown:
        yield lambda n_done, text="": None
        return
    with _tqdm()(**options) as bar:

        def advance(n_done: int, text: str = "") -> None:
            if text:
                bar.set_postfix_str(text, refresh=False)
            bar.update(n_done)

        yield advance


def progress_bar(progress: bool | Advance | None, total: int) -> Callable[[int], AbstractContextManager[Progress]]:
    """A function that makes the context of a training's bar, given the number of batches that are already done."""
    if callable(progress):
        return lambda done: nullcontext(Progress(progress))
    if progress is None or not boolean("progress", progress):
        return lambda done: nullcontext(Progress())
    tqdm = _tqdm()  # before any training

    @contextmanager
    def of_training(done: int) -> Iterator[Progress]:
        with tqdm(total=total, initial=done, unit="batch", bar_format=BAR_FORMAT) as bar:

            def describe(text: str) -> None:
                bar.set_postfix_str(text, refresh=False)
                bar.update(0)

            yield Progress(bar.update, describe)
            if bar.n < total and not bar.disable:  # stopped early: the bar is full, since nothing is missing
                n_done, start = bar.n, bar.start_t
                bar.reset(total=n_done)  # a notebook's bar does not look at its attribute `total`
                bar.n, bar.start_t = n_done, start

    return of_training


def _tqdm() -> Any:
    return require("tqdm.auto", "progress", "progress=True").tqdm
