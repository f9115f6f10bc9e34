"""Who is told of how far a training is: a bar, the user's own function, or nobody."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from fastmlp.optional import require
from fastmlp.validation import boolean

# is told of a number of batches that have been done
Advance = Callable[[int], object]


def progress_bar(progress: bool | Advance | None, total: int) -> Callable[[int], AbstractContextManager[Advance]]:
    """A bar over all batches, the user's own, or nothing.

    What is returned starts with a number of them done, and gives the function that advances it by more.
    """
    if callable(progress):
        return lambda done: nullcontext(progress)
    if progress is None or not boolean("progress", progress):
        return lambda done: nullcontext(lambda n_batches: None)
    tqdm = require("tqdm.auto", "progress", "progress=True").tqdm

    @contextmanager
    def shown(done: int) -> Iterator[Advance]:
        with tqdm(total=total, initial=done, unit="batch") as bar:
            yield bar.update

    return shown
