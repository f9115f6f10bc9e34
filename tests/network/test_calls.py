"""What is said of calls that do not fit: by whose name, and what another library's keyword is called here."""

import inspect
import pickle
import pydoc
import re
import sys

import numpy as np
import pytest
from conftest import assert_same, batch, trained_state

import fastmlp
from fastmlp import NeuralNetwork, Standardizer, reference
from fastmlp.courses import (
    EarlierNeuralNetwork,
    FirstNeuralNetwork,
    FullyConnectedNet,
    LaterNeuralNetwork,
    TwoLayerNet,
)
from fastmlp.interface import keywords
from fastmlp.tuning import search

X, Y = batch(6, 4, 3)
PUBLIC = (
    NeuralNetwork,
    FirstNeuralNetwork,
    EarlierNeuralNetwork,
    LaterNeuralNetwork,
    TwoLayerNet,
    FullyConnectedNet,
    Standardizer,
)


def network():
    net = NeuralNetwork(4, [5], 3, seed=0)
    net.forward(X)
    net.backward(Y)
    return net


# of a function, by what it is called in errors: what leads to it, and whole arguments
FUNCTIONS = {
    "NeuralNetwork.__init__": (lambda: NeuralNetwork, (4, [5], 3)),
    "NeuralNetwork.fit": (lambda: network().fit, (X, Y)),
    "NeuralNetwork.train_epoch": (lambda: network().train_epoch, (X, Y)),
    "NeuralNetwork.backward": (lambda: network().backward, (Y,)),
    "NeuralNetwork.update": (lambda: network().update, ()),
    "NeuralNetwork.predict": (lambda: network().predict, (X,)),
    "NeuralNetwork.predict_proba": (lambda: network().predict_proba, (X,)),
    "NeuralNetwork.evaluate": (lambda: network().evaluate, (X, Y)),
    "NeuralNetwork.score": (lambda: network().score, (X, Y)),
    "NeuralNetwork.save": (lambda: network().save, ()),
    "NeuralNetwork.load": (lambda: NeuralNetwork.load, ()),
    "Standardizer.__init__": (lambda: Standardizer, ()),
    "Standardizer.transform": (lambda: Standardizer().fit(X).transform, (X,)),
    "FirstNeuralNetwork.__init__": (lambda: FirstNeuralNetwork, (4, [5], 3)),
    "FirstNeuralNetwork.train": (lambda: FirstNeuralNetwork(4, [5], 3).train, (X, Y, X, Y)),
    "EarlierNeuralNetwork.__init__": (lambda: EarlierNeuralNetwork, (4, [5], 3)),
    "LaterNeuralNetwork.__init__": (lambda: LaterNeuralNetwork, (4, [5], 3)),
    "LaterNeuralNetwork.update": (lambda: LaterNeuralNetwork(4, [5], 3).update, ()),
    "TwoLayerNet.__init__": (lambda: TwoLayerNet, (4, 5, 3)),
    "TwoLayerNet.train": (lambda: TwoLayerNet(4, 5, 3).train, (X, Y, X, Y)),
    "FullyConnectedNet.__init__": (lambda: FullyConnectedNet, ([5], 4)),
    "FullyConnectedNet.loss": (lambda: FullyConnectedNet([5], 4).loss, (X, Y)),
    "get_CIFAR10_data": (lambda: fastmlp.get_CIFAR10_data, ()),
    "get_FASHION_data": (lambda: fastmlp.get_FASHION_data, ()),
    "load_digits": (lambda: fastmlp.load_digits, ()),
    "search": (lambda: search, ({"epochs": 1}, X, Y, X, Y)),
}
ADVICE = [
    ("NeuralNetwork.fit", "lr learning_rate_init eta", "use learning_rate"),
    ("NeuralNetwork.fit", "n_epochs max_iter epoch nb_epoch num_epochs", "use epochs"),
    ("NeuralNetwork.fit", "alpha l2 reg", "use regularization"),
    ("NeuralNetwork.fit", "solver optim opt", "use optimizer"),
    ("NeuralNetwork.fit", "random_state", "use seed"),
    ("NeuralNetwork.fit", "verbose", "use progress"),
    ("NeuralNetwork.fit", "validation_data", "X_val and y_val"),
    ("NeuralNetwork.fit", "validation_split", "use validation_fraction"),
    ("NeuralNetwork.fit", "momentum", 'use beta1, with optimizer="Momentum"'),
    ("NeuralNetwork.fit", "betas", "use beta1 and beta2"),
    ("NeuralNetwork.fit", "n_iter_no_change", "use patience"),
    ("NeuralNetwork.fit", "restore_best_weights", "early_stopping keeps the best"),
    ("NeuralNetwork.fit", "lr_scheduler", "use schedule"),
    ("NeuralNetwork.train_epoch", "scheduler", "in fit, use schedule"),
    ("NeuralNetwork.train_epoch", "max_grad_norm", "use clip_norm"),
    ("NeuralNetwork.fit", "shuffle", "shuffles the rows"),
    ("NeuralNetwork.fit", "class_weights", "use class_weight"),
    ("NeuralNetwork.fit", "metrics", "accuracy, or R2"),
    ("NeuralNetwork.fit", "loss", r"in NeuralNetwork\(...\), use loss"),
    ("NeuralNetwork.fit", "hidden_layer_sizes", r"in NeuralNetwork\(...\), use hidden_sizes"),
    ("NeuralNetwork.fit", "n_jobs", r"in NeuralNetwork\(...\), use n_threads"),
    ("NeuralNetwork.fit", "x", "use X"),
    ("NeuralNetwork.__init__", "nonlinearity activation_function", "use activation"),
    ("NeuralNetwork.__init__", "hidden_layer_sizes hidden_size", "use hidden_sizes"),
    ("NeuralNetwork.__init__", "random_state", "use seed"),
    ("NeuralNetwork.__init__", "learning_rate lr", "in fit, use learning_rate"),
    ("NeuralNetwork.__init__", "drop_last", "in fit, use drop_last"),
    ("NeuralNetwork.__init__", "validation_fraction", "in fit, use validation_fraction"),
    ("NeuralNetwork.__init__", "dropout_rate", "use dropout"),
    ("NeuralNetwork.__init__", "in_features input_dim", "use input_size"),
    ("NeuralNetwork.__init__", "out_features num_classes", "use output_size"),
    ("NeuralNetwork.__init__", "device", "CPU"),
    ("NeuralNetwork.__init__", "n_jobs", "use n_threads"),
    ("NeuralNetwork.__init__", "bias", "every layer has biases"),
    ("NeuralNetwork.update", "learning_rate", "use lr"),
    ("NeuralNetwork.update", "optimizer", "use opt"),
    ("NeuralNetwork.update", "beta1", "use b1"),
    ("NeuralNetwork.update", "momentum", 'use b1, with opt="Momentum"'),
    ("NeuralNetwork.update", "regularization", "in backward, use reg"),
    ("NeuralNetwork.backward", "regularization weight_decay", "use reg"),
    ("NeuralNetwork.backward", "lr", "in update, use lr"),
    ("NeuralNetwork.train_epoch", "lr", "use learning_rate"),
    ("NeuralNetwork.train_epoch", "epochs", "in fit, use epochs"),
    ("NeuralNetwork.predict", "batch_size", "leave it out: rows go through in blocks"),
    ("NeuralNetwork.predict_proba", "verbose", "leave it out"),
    ("NeuralNetwork.evaluate", "regularization", "use reg"),
    ("NeuralNetwork.score", "sample_weights", "use sample_weight"),
    ("NeuralNetwork.save", "filepath", "use path"),
    ("NeuralNetwork.load", "filename", "use path"),
    ("NeuralNetwork.load", "allow_pickle", "nothing in a file is executed"),
    ("Standardizer.__init__", "with_mean with_std", "of_statistics"),
    ("Standardizer.transform", "copy", "leave it out"),
    ("NeuralNetwork.__init__", "dropout_keep_ratio keep_prob", "use dropout, which is 1 - the ratio to keep"),
    ("FirstNeuralNetwork.__init__", "activation", "use nonlinearity"),
    ("FirstNeuralNetwork.train", "lr", "use learning_rate"),
    ("EarlierNeuralNetwork.__init__", "learning_rate", "in backward, use lr"),
    ("LaterNeuralNetwork.__init__", "optimizer", "use opt"),
    ("LaterNeuralNetwork.update", "optimizer", "use opt"),
    ("TwoLayerNet.__init__", "n_in", "use input_size"),
    ("TwoLayerNet.train", "lr", "use learning_rate"),
    ("FullyConnectedNet.__init__", "output_size", "use num_classes"),
    ("FullyConnectedNet.__init__", "keep_prob", "use dropout_keep_ratio$"),
    ("FullyConnectedNet.__init__", "dropout_rate", "use dropout_keep_ratio, which is 1 - rate"),
    ("FullyConnectedNet.loss", "reg", r"in FullyConnectedNet\(...\), use reg"),
    ("get_CIFAR10_data", "root", "use folder"),
    ("get_CIFAR10_data", "train", "X_train, X_val and X_test"),
    ("get_FASHION_data", "subtract_mean", "use normalize"),
    ("get_FASHION_data", "download", "CIFAR-10 is downloaded .*, and nothing else is"),
    ("load_digits", "return_X_y", "leave it out"),
    ("search", "n_iter", "use n_trials"),
    ("search", "epochs", "in the space, use epochs"),
    ("search", "lr", "in the space, use learning_rate"),
    ("search", "cv", "X_val and y_val"),
    ("NeuralNetwork.fit", "epohcs", "did you mean 'epochs'"),
    ("NeuralNetwork.update", "lrr", "did you mean 'lr'"),
]


@pytest.mark.parametrize(
    ("function", "keyword", "advice"),
    [(f, keyword, advice) for f, names, advice in ADVICE for keyword in names.split()],
)
def test_keywords_of_other_libraries_are_translated(function, keyword, advice):
    find, arguments = FUNCTIONS[function]
    start = re.escape(f"{function}() got an unexpected keyword argument {keyword!r}")
    with pytest.raises(TypeError, match=f"^{start}[:;] .*{advice}"):
        find()(*arguments, **{keyword: 1})


def test_all_of_them_are_named_and_nothing_has_changed():
    net = network()
    before, state = trained_state(net), np.random.get_state()[1].copy()
    with pytest.raises(TypeError, match=r"'lr': use learning_rate, and 'verbose': use progress, and 'flavour'$"):
        net.fit(X, Y, lr=1, verbose=0, flavour="mint", epochs=1)
    with pytest.raises(TypeError, match="'learning_rate': use lr"):
        net.update(learning_rate=1)
    with pytest.raises(TypeError, match="'x': use X, and 'labels': use y"):
        net.fit(x=X, labels=Y)
    assert_same(trained_state(net), before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_other_errors_are_pythons_and_the_functions_own():
    net = network()
    with pytest.raises(TypeError, match=r"^NeuralNetwork.fit\(\) missing 1 required positional argument: 'y'$"):
        net.fit(X, epochs=1)
    with pytest.raises(TypeError, match=r"^NeuralNetwork.update\(\) got multiple values for argument 'lr'$"):
        net.update(0.1, lr=0.1)
    with pytest.raises(TypeError, match=r"^drop_last must be True or False, got 1$"):
        net.fit(X, Y, drop_last=1)

    def stop(network, history):
        network.fit(X, Y, lr=1)

    with pytest.raises(TypeError, match=r"'lr': use learning_rate$"):
        net.fit(X, Y, epochs=1, callbacks=[stop])


def test_every_name_means_one_thing():
    for place in keywords.SYNONYMS:
        assert len(set(place)) == len(place)
    for name, text in keywords.ADVICE.items():
        for same in keywords.SYNONYMS:
            if name in same:  # the advice is for functions that have something else, and none of these
                assert re.search(r"{(\w+)}", text)[1] not in same, name


INTERNAL = re.compile(r"CourseNetwork|_Edition|StanfordNetwork|NormalWeights|SelfTraining")


@pytest.mark.parametrize("kind", [*PUBLIC, reference.NeuralNetwork, type(network().params)])
def test_methods_are_called_by_the_name_that_their_users_know(kind):
    n_methods = 0
    for name, member in inspect.getmembers(kind, inspect.isroutine):
        if name.startswith("_") or not hasattr(member, "__qualname__"):
            continue
        n_methods += 1
        if member.__module__.startswith("fastmlp.functions."):  # the assignment's helpers
            assert member is getattr(sys.modules[member.__module__], member.__name__)
            continue
        assert member.__qualname__ == f"{kind.__name__}.{name}"
        assert member.__module__ == kind.__module__
        assert not INTERNAL.search(pydoc.plaintext.document(member))
    assert n_methods >= 3


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: NeuralNetwork(4), "NeuralNetwork.__init__"),
        (lambda: network().predict(), "NeuralNetwork.predict"),
        (lambda: network().restore(), "NeuralNetwork.restore"),
        (lambda: network().forward(), "NeuralNetwork.forward"),
        (lambda: type("Mine", (NeuralNetwork,), {})(4), "NeuralNetwork.__init__"),
        (lambda: type("Mine", (NeuralNetwork,), {})(4, [5], 3).score(), "NeuralNetwork.score"),
        (lambda: EarlierNeuralNetwork(4, [5], 3).forward(), "EarlierNeuralNetwork.forward"),
        (lambda: LaterNeuralNetwork(4, [5], 3).restore(), "LaterNeuralNetwork.restore"),
        (lambda: TwoLayerNet(4, 5, 3).restore(), "TwoLayerNet.restore"),
        (lambda: FullyConnectedNet(), "FullyConnectedNet.__init__"),
        (lambda: network().params.get(), "Parameters.get"),
    ],
)
def test_arguments_that_are_missing_are_asked_for_in_a_public_name(call, named):
    with pytest.raises(TypeError, match=rf"^{re.escape(named)}\(\) missing"):
        call()


def test_functions_stay_what_they_were():
    assert list(inspect.signature(NeuralNetwork).parameters)[:3] == ["input_size", "hidden_sizes", "output_size"]
    assert "learning_rate" in inspect.signature(NeuralNetwork.fit).parameters
    assert inspect.signature(NeuralNetwork.predict).return_annotation is np.ndarray
    assert inspect.signature(NeuralNetwork.update).parameters["epoch"].kind is inspect.Parameter.KEYWORD_ONLY
    for function in (NeuralNetwork.fit, NeuralNetwork.predict, NeuralNetwork.relu, search, fastmlp.load_digits):
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__doc__
    assert NeuralNetwork.forward.__code__.co_name == "forward"  # a call that takes no time is not wrapped


def test_a_mixin_may_come_between():
    class Loud:
        def predict(self, X):
            return ["loud", *super().predict(X)]

    class Mine(Loud, NeuralNetwork):
        pass

    assert Mine(4, [5], 3, seed=0).predict(X)[1:] == NeuralNetwork(4, [5], 3, seed=0).predict(X).tolist()


@pytest.mark.parametrize("name", ["inverse_transform", "mean_"])
def test_a_standardizer_says_what_does_the_same(name):
    assert not hasattr(Standardizer(), name)
    with pytest.raises(AttributeError, match=f"no attribute '{name}': (use .*X|it must be fitted)"):
        getattr(Standardizer(), name)
    with pytest.raises(AttributeError, match=r"no attribute 'other'$"):
        Standardizer().other  # noqa: B018
    standardizer = pickle.loads(pickle.dumps(Standardizer().fit(X)))
    np.testing.assert_allclose(standardizer.transform(X) * standardizer.scale_ + standardizer.mean_, X)


def test_settings_of_the_reference_are_translated_too():
    net = reference.NeuralNetwork(4, [5], 3, seed=0)
    with pytest.raises(
        TypeError, match=r"^NeuralNetwork.fit\(\) got .* 'lr': use learning_rate, and 'verbose': use pro"
    ):
        net.fit(X, Y, lr=1, verbose=0)
