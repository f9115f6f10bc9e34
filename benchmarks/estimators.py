"""The estimators beside scikit-learn's of the same names, with the same settings and the same random states.

    pip install scikit-learn palmerpenguins
    python -m benchmarks.estimators [--problems iris words] [--seeds 5] [--rounds 5]

* Scores: of the networks of the default settings, trained on three quarters of the rows, on the others: accuracy or R2,
  the mean over the seeds. The networks are the same up to rounding, so that the scores should be, too.
* Times of `fit` on all rows, and of `predict` for one row, of the dense problems: with scikit-learn's defaults (a
  hidden layer of 100, batches of 200, at most 200 epochs), and with a hidden layer of 32 and batches of 32. Both train
  for the same number of epochs, since the networks are the same. Beside them the matrix products of such a training by
  BLAS and nothing else: as fast as scikit-learn would be if all else were free.

All in one process, with one thread each. In a round each takes its turn, for at least 50 ms; a ratio is one of the same
round, and times and ratios are medians of the rounds' ± half the range. Columns are standardised, except of the words:
hashed words of the documentation of scikit-learn, a sparse matrix. Of labels, several a row, all have to be right.

`benchmarks/results/estimators.json` is written unless only a part was asked for.
"""

import argparse
import importlib
import importlib.metadata
import itertools
import os
import sys
import warnings
from collections.abc import Callable

import numpy as np
from scipy.sparse import issparse
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.cases import Case
from benchmarks.choices import times
from benchmarks.defaults import TABLES, Table
from benchmarks.environment import RESULTS, provenance, write
from benchmarks.processes import MALLOC, THREAD_VARIABLES
from benchmarks.report import estimators_text
from benchmarks.rounds import progress, quoted
from benchmarks.systems.products import ProductsOnly
from fastmlp import estimators

N_SEEDS, N_ROUNDS, N_CALLS = 5, 5, 100
TOLERANCE = 0.01
LIBRARIES = {"scikit-learn": neural_network, "fastmlp": estimators}
SETTINGS = {
    "scikit-learn's defaults": {},
    "`hidden_layer_sizes=(32,), batch_size=32`": {"hidden_layer_sizes": (32,), "batch_size": 32},
}
# of scikit-learn, whose documentation is what is read in the words
MODULES = ("cluster", "ensemble", "linear_model", "metrics", "preprocessing")
# besides one thread each: OpenBLAS takes the kernels that it chooses itself
REMOVED = "OPENBLAS_CORETYPE"


def words() -> Table:
    """The module that a paragraph of scikit-learn's documentation is from, by its hashed words."""
    modules = {}
    for label, name in enumerate(MODULES):
        module = importlib.import_module(f"sklearn.{name}")
        texts = [getattr(module, one).__doc__ or "" for one in module.__all__]
        modules |= dict.fromkeys(itertools.chain.from_iterable(text.split("\n\n") for text in texts), label)
    return Table(HashingVectorizer(n_features=2048).transform(modules), np.array([*modules.values()]), True)


PROBLEMS: dict[str, Callable[[], Table]] = {
    **{name: TABLES[name] for name in ("digits", "breast cancer", "wine", "iris", "penguins", "diabetes")},
    "labels": lambda: Table(*datasets.make_multilabel_classification(1000, random_state=0), True),
    "words": words,
}


def made(library: str, whole: Table, seed: int, settings: dict):
    """An estimator of this library, not fitted."""
    name = "MLPClassifier" if whole.is_classes else "MLPRegressor"
    return getattr(LIBRARIES[library], name)(random_state=seed, **settings)


def scores(whole: Table, seed: int) -> list[float]:
    """Of the rows that are held out, by library."""
    X, X_test, y, y_test = train_test_split(whole.X, whole.y, random_state=seed)
    if not issparse(X):
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
    return [made(library, whole, seed, {}).fit(X, y).score(X_test, y_test) for library in LIBRARIES]


def compared(name: str, n_seeds: int) -> dict:
    """The mean scores of a problem, and whether they are the same."""
    whole = PROBLEMS[name]()
    means = np.mean([scores(whole, seed) for seed in progress(range(n_seeds), name)], axis=0)
    return {
        "name": name,
        "rows": whole.X.shape[0],
        "inputs": whole.X.shape[1],
        "score": "accuracy" if whole.is_classes else "R2",
        **dict(zip(LIBRARIES, means, strict=True)),
        "difference": means[1] - means[0],
        "same": bool(abs(means[1] - means[0]) <= TOLERANCE),
    }


def timed(name: str, settings: dict, n_rounds: int) -> dict:
    """The times of `fit` and of `predict`, and the rates of the operations in the products, by library."""
    whole = PROBLEMS[name]()
    X = StandardScaler().fit_transform(whole.X)
    fitted = {library: made(library, whole, 0, settings).fit(X, whole.y) for library in LIBRARIES}
    theirs = fitted["scikit-learn"]
    assert fitted["fastmlp"].n_iter_ == theirs.n_iter_, f"{name}: trained for other numbers of epochs"
    sizes = (*map(len, theirs.coefs_), theirs.n_outputs_)
    case = Case(sizes, min(settings.get("batch_size", 200), len(X)), (), dtype="float64")
    products = ProductsOnly(case, X, whole.y, {f"W{i}": w for i, w in enumerate(theirs.coefs_, 1)}, 1)
    n_steps = theirs.n_iter_ * len(X) // case.batch
    fits = {library: lambda one=one: one.fit(X, whole.y) for library, one in fitted.items()}
    fits["products only"] = lambda: products.train(0, n_steps * case.batch, 0)
    calls = {library: lambda one=one: [one.predict(X[:1]) for _ in range(N_CALLS)] for library, one in fitted.items()}
    seconds, of_row = times(fits, 1, n_rounds, name), times(calls, N_CALLS, n_rounds, f"{name}, a row")
    medians = {one: float(np.median(values)) for one, values in seconds.items()}
    return {
        "name": name,
        "epochs": theirs.n_iter_,
        **medians,
        **quoted(seconds["scikit-learn"] / seconds["fastmlp"], "ratio"),
        **quoted(seconds["scikit-learn"] / seconds["products only"], "products_ratio"),
        "gflops": {one: n_steps * case.operations / median / 1e9 for one, median in medians.items()},
        "row": {library: float(np.median(values)) for library, values in of_row.items()},
        **quoted(of_row["scikit-learn"] / of_row["fastmlp"], "row_ratio"),
    }


def alone(environment: dict[str, str]) -> dict[str, str]:
    """The same variables of a process in which each library has one thread."""
    kept = {name: value for name, value in environment.items() if name != REMOVED}
    return {**kept, **dict.fromkeys(THREAD_VARIABLES, "1"), **MALLOC}


def main() -> None:
    """Train and measure, print the tables, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), help="default: all")
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=N_ROUNDS, help="default: %(default)s")
    options = parser.parse_args()
    if alone(os.environ) != os.environ:  # libraries read them as they are loaded
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.estimators", *sys.argv[1:]], alone(os.environ))
    warnings.simplefilter("ignore", ConvergenceWarning)  # as many epochs as the default has are asked for
    dense = [name for name in options.problems if name != "words"]
    results = {
        "seeds": options.seeds,
        "rounds": options.rounds,
        "scores": [compared(name, options.seeds) for name in options.problems],
        "times": {
            title: [timed(name, settings, options.rounds) for name in dense] for title, settings in SETTINGS.items()
        },
    }
    print(estimators_text(results))
    if options.problems == list(PROBLEMS):
        versions = {"palmerpenguins": importlib.metadata.version("palmerpenguins")}
        write(RESULTS / "estimators.json", {**provenance("benchmarks.estimators"), "packages": versions, **results})


if __name__ == "__main__":
    main()
