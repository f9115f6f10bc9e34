"""The directive `comparison`: a table of the estimators' parameters or attributes, scikit-learn's beside fastmlp's.

Names, defaults and types are those of the installed versions. Only the differences are written here.
"""

import inspect

import sklearn.neural_network
from numpydoc.docscrape import NumpyDocString
from sphinx.util.docutils import SphinxDirective

import fastmlp
from fastmlp.validation import MIN_EPSILON

CLASSES = ("MLPRegressor", "MLPClassifier")

PARAMETERS = {
    "loss": 'also "absolute_error" and "huber"',
    "activation": 'also "leaky_relu", "elu", "gelu", "gelu_tanh" and "silu"; or a list with one for each hidden layer',
    "solver": 'also "adamw"',
    "learning_rate": "also the [schedules](api/training.md) of `fastmlp`, by name or as objects, with all solvers but "
    '"lbfgs"; `partial_fit` refuses these',
    "momentum": "must be below 1",
    "epsilon": f"must be at least {MIN_EPSILON:.3g}",
    "early_stopping": "validates with `X_val` and `y_val` where `fit` is given them",
    "label_smoothing": "spreads a part of each label over all classes",
    "class_weight": 'a mapping from labels to weights, or "balanced"',
    "delta": 'of the loss "huber"',
    "dropout": 'a rate for all hidden layers, or a list with the inputs\' first; not with "lbfgs"',
    "weight_decay": 'of the solver "adamw"',
    "clip_norm": 'the largest norm of a gradient; not with "lbfgs"',
    "standardize": "learns mean and standard deviation of each column in `fit`",
    "standardize_targets": "learns those of y",
    "n_threads": "by default all processors, or a share of them",
    "callbacks": "functions that are [called after each epoch](callbacks.md)",
}
ATTRIBUTES = {
    "loss_": "in a regression of several targets the mean over them, while the gradient is that of the sum, in both; "
    "here, the regularisation's term is divided by their number, too",
    "best_loss_": 'with "lbfgs", too',
    "loss_curve_": 'with "lbfgs", too; batches count by the weights of their rows, not by their number',
    "validation_scores_": "also of `X_val` without `early_stopping`, and with all solvers",
    "validation_loss_curve_": "loss of the validation rows",
    "coefs_": "views of the network's weights; what is assigned to the list or to an element is copied into place",
    "intercepts_": "as `coefs_`",
    "network_": "the [NeuralNetwork](api/network.md) behind the estimator",
}


def parameters_of(estimator):
    """The defaults of all parameters, by name."""
    return {name: repr(one.default) for name, one in inspect.signature(estimator).parameters.items()}


def attributes_of(estimator):
    """The types of all attributes, as the docstring has them, by name."""
    section = NumpyDocString(inspect.getdoc(estimator))["Attributes"]
    return {name: one.type.replace("`", "") for one in section for name in one.name.split(", ")}


TABLES = {"parameters": (parameters_of, PARAMETERS), "attributes": (attributes_of, ATTRIBUTES)}


def comparison(kind):
    """The table of "parameters" or "attributes" in Markdown; a ValueError where it would not be true."""
    read, differences = TABLES[kind]
    of_theirs, of_ours = (
        [read(getattr(library, name)) for name in CLASSES] for library in (sklearn.neural_network, fastmlp)
    )
    for name, theirs, ours in zip(CLASSES, of_theirs, of_ours, strict=True):
        if missing := theirs.keys() - ours.keys():
            raise ValueError(f"scikit-learn's {name} has {kind} that fastmlp's lacks: {sorted(missing)}")
        if kind == "parameters" and (other := [one for one in theirs if theirs[one] != ours[one]]):
            raise ValueError(f"these defaults of {name} are not scikit-learn's: {other}")
    (regressor, classifier), theirs = of_ours, of_theirs[0] | of_theirs[1]
    ours = regressor | classifier
    if unknown := differences.keys() - ours.keys():
        raise ValueError(f"docs/comparison.py tells of {kind} that there are not: {sorted(unknown)}")
    if untold := ours.keys() - theirs.keys() - differences.keys():
        raise ValueError(f"docs/comparison.py does not tell of these {kind}: {sorted(untold)}")
    only = dict.fromkeys(regressor.keys() - classifier.keys(), " (regressor)")
    only |= dict.fromkeys(classifier.keys() - regressor.keys(), " (classifier)")
    lines = [f"| {kind[:-1]} | scikit-learn | fastmlp | difference |", "|---|---|---|---|"]
    for name in ours:
        their = f"`{theirs[name]}`" if name in theirs else ""
        lines.append(f"| `{name}`{only.get(name, '')} | {their} | `{ours[name]}` | {differences.get(name, '')} |")
    return "\n".join(lines)


class Comparison(SphinxDirective):
    """Takes "parameters" or "attributes"."""

    required_arguments = 1

    def run(self):
        return self.parse_text_to_nodes(comparison(self.arguments[0]))


def setup(app):
    app.add_directive("comparison", Comparison)
    return {"parallel_read_safe": True}
