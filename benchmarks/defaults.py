"""How good the networks of the default settings are: fastmlp's beside scikit-learn's, on eight small tables.

    pip install scikit-learn palmerpenguins plotnine
    python -m benchmarks.defaults [--tables iris mpg] [--seeds 5]

Each network has one hidden layer of 100, as is scikit-learn's default, and all else by default: `MLPClassifier()` or
`MLPRegressor()`, and `NeuralNetwork(n_inputs, [100], n_outputs)` with `fit(X, y)`. A seed sets the weights, the order
of the rows, and five folds, stratified where there are classes. Inputs are standardised by the rows that train, targets
are left as they are. One thread.

The score is that of the fold that was left out, the accuracy or R2. The difference is fastmlp's mean over all folds and
seeds minus scikit-learn's; its standard error is from the differences fold by fold, as if these were independent.
fastmlp keeps up if it is at most 0.01 or one standard error behind. A table in Markdown is printed, and
`benchmarks/results/defaults.json` is written unless only a part was asked for.

Categories are a column each. Rows of the penguins with gaps are left out. Of the cars (mpg), `hwy` is predicted without
`cty`, which is the same measurement in the city; of the diamonds, the price of the first 5,000.
"""

import argparse
import importlib.metadata
import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.environment import RESULTS, provenance, write
from benchmarks.report import defaults_table
from benchmarks.rounds import progress
from fastmlp import NeuralNetwork

N_FOLDS, N_SEEDS, N_DIAMONDS = 5, 5, 5000
TOLERANCE = 0.01
# besides scikit-learn, whose version every file of results has
PACKAGES = ("palmerpenguins", "plotnine")


class Table(NamedTuple):
    """Inputs (n, n_inputs), float64, and labels or targets (n,)."""

    X: np.ndarray
    y: np.ndarray
    is_classes: bool


def scikit_learns(loaded, is_classes: bool) -> Table:
    """One of the tables that scikit-learn holds."""
    return Table(loaded.data, loaded.target, is_classes)


def of_frame(frame, target: str, is_classes: bool) -> Table:
    """A data frame: numbers as they are, a column of 0 and 1 for each category."""
    import pandas as pd

    y = frame.pop(target)
    X = pd.get_dummies(frame, dtype=float).to_numpy(float)
    return Table(X, np.unique(y, return_inverse=True)[1] if is_classes else y.to_numpy(float), is_classes)


def penguins() -> Table:
    """The species of 333 penguins."""
    import palmerpenguins

    return of_frame(palmerpenguins.load_penguins().dropna(), "species", True)


def diamonds() -> Table:
    """The price of diamonds."""
    from plotnine.data import diamonds

    return of_frame(diamonds.head(N_DIAMONDS).copy(), "price", False)


def mpg() -> Table:
    """How far cars go with a gallon of petrol on a highway."""
    from plotnine.data import mpg

    return of_frame(mpg.drop(columns="cty"), "hwy", False)


TABLES: dict[str, Callable[[], Table]] = {
    "breast cancer": lambda: scikit_learns(datasets.load_breast_cancer(), True),
    "wine": lambda: scikit_learns(datasets.load_wine(), True),
    "iris": lambda: scikit_learns(datasets.load_iris(), True),
    "digits": lambda: scikit_learns(datasets.load_digits(), True),
    "penguins": penguins,
    "diabetes": lambda: scikit_learns(datasets.load_diabetes(), False),
    "diamonds": diamonds,
    "mpg": mpg,
}


def of_scikit_learn(part: Table, seed: int) -> Callable[[np.ndarray, np.ndarray], float]:
    """The score of scikit-learn's network, which is trained here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is not asked for more iterations than the default's
        return (MLPClassifier if part.is_classes else MLPRegressor)(random_state=seed).fit(part.X, part.y).score


def of_fastmlp(part: Table, seed: int) -> Callable[[np.ndarray, np.ndarray], float]:
    """The same of fastmlp's."""
    n_inputs = part.X.shape[1]
    if part.is_classes:
        net = NeuralNetwork(n_inputs, [100], int(part.y.max()) + 1, seed=seed, n_threads=1)
    else:
        net = NeuralNetwork(n_inputs, [100], 1, loss="squared_error", seed=seed, n_threads=1)
    net.fit(part.X, part.y, seed=seed)
    return net.score


def scores(whole: Table, seed: int) -> list[tuple[float, float]]:
    """Of each fold, scikit-learn's score and fastmlp's."""
    folds = (StratifiedKFold if whole.is_classes else KFold)(N_FOLDS, shuffle=True, random_state=seed)
    found = []
    for train, test in folds.split(whole.X, whole.y):
        scaler = StandardScaler().fit(whole.X[train])
        X, X_test = scaler.transform(whole.X[train]), scaler.transform(whole.X[test])
        part = whole._replace(X=X, y=whole.y[train])
        found.append(tuple(trained(part, seed)(X_test, whole.y[test]) for trained in (of_scikit_learn, of_fastmlp)))
    return found


def compared(name: str, n_seeds: int) -> dict:
    """What a table's folds give: means, their difference with its standard error, and whether fastmlp keeps up."""
    whole = TABLES[name]()
    both = np.array([pair for seed in progress(range(n_seeds), name) for pair in scores(whole, seed)])
    differences = both[:, 1] - both[:, 0]
    difference, error = differences.mean(), differences.std(ddof=1) / math.sqrt(len(both))
    return {
        "name": name,
        "rows": len(whole.X),
        "inputs": whole.X.shape[1],
        "score": "accuracy" if whole.is_classes else "R2",
        "folds": len(both),
        "scikit-learn": both[:, 0].mean(),
        "fastmlp": both[:, 1].mean(),
        "difference": difference,
        "standard_error": error,
        "keeps_up": bool(difference >= -max(TOLERANCE, error)),
    }


def main() -> None:
    """Train, print the table, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="default: all")
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="default: %(default)s")
    options = parser.parse_args()
    with threadpool_limits(1):
        results = [compared(name, options.seeds) for name in options.tables]
    print(defaults_table(results))
    if options.tables == list(TABLES) and options.seeds == N_SEEDS:
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        write(RESULTS / "defaults.json", {**provenance("benchmarks.defaults"), "packages": versions, "tables": results})


if __name__ == "__main__":
    main()
