"""scikit-learn's tests of its networks, with the estimators of this package in their place."""

import importlib.util
from pathlib import Path

import pytest

IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
SETS_PRIVATE_STATE = "gives an estimator before its fit private attributes"
HAS_OWN_OPTIMIZER = "reads the private attribute _optimizer"
HAS_OWN_COUNT = "reads the private attribute _no_improvement_count"
LEFT_OUT = {
    "test_fit": SETS_PRIVATE_STATE,
    "test_gradient": "calls the private method _loss_grad_lbfgs",
    "test_learning_rate_warmstart": HAS_OWN_OPTIMIZER,
    "test_adaptive_learning_rate": HAS_OWN_OPTIMIZER,
    "test_n_iter_no_change": HAS_OWN_COUNT,
    "test_n_iter_no_change_inf": HAS_OWN_COUNT,
}


def theirs():
    """The names of their module, which is not imported, since it would have their networks."""
    path = Path(importlib.util.find_spec("sklearn.neural_network.tests").origin).with_name("test_mlp.py")
    source = path.read_text(encoding="utf-8")
    assert source.count(IMPORT) == 1
    names = {"__name__": __name__}
    exec(compile(source.replace(IMPORT, "from fastmlp import MLPClassifier, MLPRegressor"), path, "exec"), names)
    for name in LEFT_OUT:
        del names[name]
    return {name: value for name, value in names.items() if not name.startswith("__")}


# here pytest finds them by name
globals().update(theirs())
pytestmark = [pytest.mark.application]
