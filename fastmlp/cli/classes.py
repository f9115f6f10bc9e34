"""The classes of people's own rows: what they are called, and whether they can be learnt."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from fastmlp.cli.tables import is_number, some

# More classes than FEW need this many rows each, taken together: prices, ids and other numbers do not have them.
FEW, ROWS_OF_A_CLASS = 20, 10
GROUP = "group its values into a few classes: fastmlp does no regression"


def encoded(what: str, labels: Sequence[str], class_names: Sequence[str]) -> np.ndarray:
    """Labels as places in the class names; where these are words, a number is such a place itself."""
    places = {name: place for place, name in enumerate(class_names)}
    if not any(name.lstrip("-").isdecimal() for name in class_names):
        places |= {str(place): place for place in range(len(class_names))}
    try:
        return np.array([places[text] if text in places else places[_whole(text)] for text in labels], np.int64)
    except KeyError as error:
        raise ValueError(f"{what} must hold classes that are known, {some(class_names)}, got {error}") from None


def class_names_of(what: str, texts: Iterable[str]) -> list[str]:
    """The different labels: numbers in their order, or texts in theirs."""
    names = {_whole(text) for text in texts}
    if len(names) < 2:
        raise ValueError(f"{what} must hold two classes or more, got only {some(names)}")
    if all(map(is_number, names)):
        fractions = names - {name for name in names if name.lstrip("-").isdecimal()}
        if fractions:
            raise ValueError(
                f"{what} must hold classes, texts or whole numbers, got {len(names):,} different numbers, as "
                f"{min(fractions)}; name another column or other labels, or {GROUP}"
            )
        # not int, which refuses thousands of digits
        return sorted(names, key=lambda name: (Decimal(name), name))
    return sorted(names)


def _whole(text: str) -> str:
    """A whole number without its decimal point, or a sign that it does not need: 3.0 is the class 3, and so is +3."""
    return re.sub(r"^(?:\+(?=\d))?(-?\d+)(?:\.0*)?$", r"\1", text)


def check_classes(
    data: str, label: str | None, labels: Mapping[str, np.ndarray], class_names: Sequence[str] | None
) -> None:
    """Refuse numbers or ids in the place of classes, and a class that no row trains.

    Parameters
    ----------
    label : str or None
        The column of a .csv file; without one, the labels are an .npz file's.
    labels : mapping
        By parts, of which one is `train`; they count from 0.
    """
    what, advice = f"y in {data}", f"have other labels in y, or {GROUP}"
    if label is not None:
        what = f"column {label!r} in {data}"
        advice = f"name a column of classes by --label, and leave an id out by --ignore, or {GROUP}"
    n = 1 + max(int(y.max()) for y in labels.values())
    counts = {part: np.bincount(y, minlength=n) for part, y in labels.items()}
    total = sum(counts.values())
    n_rows, n_classes = int(np.sum(total)), int(np.count_nonzero(total))
    most = max(FEW, n_rows // ROWS_OF_A_CLASS)
    if n_classes > most:
        raise ValueError(
            f"{what} must hold classes, {most} at most for its {n_rows:,} rows, got {n_classes:,}, as numbers "
            f"and ids have; {advice}"
        )
    unseen = np.flatnonzero((total > 0) & (counts["train"] == 0))
    if len(unseen):
        missing = some(str(k) if class_names is None else class_names[k] for k in unseen.tolist())
        raise ValueError(
            f"{what} must have each of its {n_classes} classes in the {counts['train'].sum():,} of its {n_rows:,} rows "
            f"that train, got none of {missing} there; add or leave out rows of these classes, or {advice}"
        )
