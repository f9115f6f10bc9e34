"""The classes of users' files: their names, and whether they can be learned."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from fastmlp.cli.tables import is_number, some

# More than FEW classes need so many rows each on average, which prices and ids do not have.
FEW, ROWS_OF_A_CLASS = 20, 10
GROUP = "group its values into a few classes: fastmlp does no regression"


def encoded(what: str, labels: Sequence[str], class_names: Sequence[str]) -> np.ndarray:
    """Labels as class numbers; where no class name is a number, a label may be the class number itself."""
    numbers = {name: number for number, name in enumerate(class_names)}
    if not any(name.lstrip("-").isdecimal() for name in class_names):
        numbers |= {str(number): number for number in range(len(class_names))}
    try:
        return np.array([numbers[text] if text in numbers else numbers[_whole(text)] for text in labels], np.int64)
    except KeyError as error:
        raise ValueError(f"{what} must hold classes that are known, {some(class_names)}, got {error}") from None


def class_names_of(what: str, texts: Iterable[str]) -> list[str]:
    """The different labels: numbers in numerical order, or texts in alphabetical order."""
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
        # int refuses thousands of digits
        return sorted(names, key=lambda name: (Decimal(name), name))
    return sorted(names)


def _whole(text: str) -> str:
    """A whole number in its shortest form: 3.0 and +3 are 3."""
    return re.sub(r"^(?:\+(?=\d))?(-?\d+)(?:\.0*)?$", r"\1", text)


def check_classes(
    data: str, label: str | None, labels: Mapping[str, np.ndarray], class_names: Sequence[str] | None
) -> None:
    """Refuse labels that are prices or ids rather than classes, and a class without a training row.

    Parameters
    ----------
    label : str or None
        The column of a .csv file; None for an .npz file.
    labels : mapping
        Class numbers by part; one part is `train`.
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
