"""Calls that do not fit: errors name public classes, and say what another library's keyword is called here.

They stay Python's own `TypeError`s, raised before anything runs. A call that fits passes through one more frame.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from inspect import getattr_static
from types import FunctionType
from typing import Any, TypeVar, cast

# Names of one thing, ours and those of other libraries. A keyword means the first one that the function has.
SAME = [
    names.split()
    for names in (
        "learning_rate lr learning_rate_init init_lr initial_lr base_lr eta eta0 step_size",
        "learning_rate_decay lr_decay decay decay_rate gamma",
        "regularization reg regularisation weight_decay alpha l2 l2_reg l2_regularization reg_lambda lambda_ lam",
        "optimizer opt optim optimiser solver update_rule algorithm method",
        "beta1 b1 beta_1",
        "beta2 b2 beta_2",
        "epsilon eps",
        "epochs n_epochs num_epochs nb_epoch epoch n_epoch max_epochs max_iter n_iter num_iters num_iter iterations",
        "batch_size batch batchsize bs minibatch_size mini_batch_size",
        "t time_step epoch step timestep iteration",
        "seed random_state random_seed rng",
        "progress verbose show_progress",
        "callbacks callback",
        "checkpoint checkpoint_path save_path",
        "input_size input_dim in_features n_inputs num_inputs n_features num_features input_shape n_in in_dim",
        "hidden_sizes hidden_layer_sizes hidden_size hidden_dims hidden_dim hidden_units hidden_layers hidden n_hidden "
        "num_hidden units layers layer_sizes",
        "output_size num_classes output_dim out_features n_outputs num_outputs n_classes n_out out_dim",
        "num_layers n_layers depth",
        "init weight_init initializer kernel_initializer init_method initialization weight_scale std",
        "n_threads n_jobs num_threads threads num_workers n_workers workers",
        "dtype precision",
        "standardizer scaler normalizer preprocessor",
        "X_val X_valid x_val X_validation X_test x_test",
        "y_val y_valid y_validation y_test",
        "X x inputs input data X_train x_train X_test x_test",
        "y Y labels label targets target y_true y_train y_test",
        "order indices permutation",
        "path filepath filename file_name file_path file fname",
        "folder root data_dir directory data_home cifar10_dir cache_dir",
        "num_training n_training num_train n_train",
        "num_validation n_validation num_val n_val",
        "num_test n_test",
        "subtract_mean normalize",
        "space param_grid param_distributions param_space grid search_space params",
        "n_trials n_iter n_samples num_samples max_evals",
    )
]
# What it takes here to have the same; names in braces are those of the function, under any of their names.
ADVICE = {
    name: text
    for names, text in {
        "momentum nesterovs_momentum": 'use {beta1}, with {optimizer}="Momentum"',
        "betas": "use {beta1} and {beta2}",
        "validation_split validation_fraction": "set rows apart, and pass them as {X_val} and {y_val}",
        "validation_data eval_set val_data valid_data validation_set": "pass {X_val} and {y_val}",
        "cv": "there is no cross-validation: pass {X_val} and {y_val}",
        "early_stopping patience n_iter_no_change tol": "one of the {callbacks} may return True to end the training",
        "lr_scheduler lr_schedule scheduler power_t": "use {learning_rate_decay}, or call again with another rate",
        "shuffle": "fit shuffles the rows in each epoch, and train_epoch takes them in the order that it is given",
        "class_weight class_weights sample_weight": "all rows weigh the same: repeat those of rare classes in X and y",
        "warm_start initial_epoch": "a second call goes on where the first one ended, and a new network starts anew",
        "loss loss_fn loss_function criterion objective": "there is one loss, the cross-entropy of labels; "
        "fastmlp.compat.LaterNeuralNetwork has the squared error",
        "metrics scoring": "loss and accuracy are measured always",
        "activation activations activation_fn activation_function hidden_activation nonlinearity": "all hidden "
        "layers have ReLU",
        "dropout dropout_rate dropout_p drop_prob keep_prob": "there is no dropout; regularization in fit is there",
        "batch_norm batchnorm use_batch_norm use_batchnorm normalization": "there is no batch normalisation",
        "clipnorm clipvalue clip_grad grad_clip gradient_clip max_grad_norm": "gradients are not clipped; a lower "
        "learning rate may do",
        "nesterov amsgrad dampening": 'the optimisers are "SGD", "Momentum" and "Adam", without variants',
        "device gpu use_gpu cuda": "all is computed on the CPU; n_threads of a network says by how many threads",
        "bias use_bias fit_intercept": "every layer has biases",
        "with_mean with_std": "mean and standard deviation are both taken out; Standardizer.of_statistics takes others",
        "copy inplace": "X is never changed; leave it out",
        "train split": "all parts come at once, X_train, X_val and X_test",
        "download": "what is in none of the folders is downloaded; leave it out",
        "return_X_y": "X and y are what is returned; leave it out",
        "overwrite allow_pickle weights_only map_location": "leave it out: an older file is replaced, and nothing in a "
        "file is executed",
    }.items()
    for name in names.split()
}
# Of functions that have no settings.
PREDICTIONS = ("predict", "predict_proba", "evaluate", "score")
UNSETTLED = {
    "batch_size": "leave it out: rows go through in blocks, and any number of them fits",
    "verbose": "leave it out: nothing is shown",
}
# What is left to one of these is looked for in the other first.
STEPS = ("backward", "update")
# Calls that take no time, next to which one more frame does, and whose only argument is X.
BARE = ("forward",)

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)


def public(cls: C) -> C:
    """A class as its users know it: all its methods bear its name, see `named`, and give advice, see `advised`."""
    return named(_with_advice(cls))


def base_of(module: str, public_name: str) -> Callable[[C], C]:
    """A decorator of the bases that make up one public class: their methods bear its name, and give advice."""

    def decorate(cls: C) -> C:
        for name, member in vars(cls).items():
            if function := _method(name, member):
                function.__module__, function.__qualname__ = module, f"{public_name}.{name}"
        return _with_advice(cls)

    return decorate


def named(cls: C) -> C:
    """Give a class the methods that it inherits, or copies of those that others have too, which bear its name."""
    for base in cls.__mro__[1:]:
        for name, member in vars(base).items():
            function, own_name = _method(name, member), f"{cls.__qualname__}.{name}"
            # functions of no object stay where they are, for whoever replaces them there
            if function is None or name in vars(cls) or isinstance(member, staticmethod):
                continue
            if (function.__module__, function.__qualname__) != (cls.__module__, own_name):
                copy = _copied(function, function.__code__, function.__defaults__, function.__closure__)
                copy.__kwdefaults__ = function.__kwdefaults__
                copy.__module__, copy.__qualname__ = cls.__module__, own_name
                member = _like(member, copy)
            setattr(cls, name, member)
    return cls


def advised(elsewhere: Callable[[Any], Mapping[str, Iterable[str]]] = lambda first: {}) -> Callable[[F], F]:
    """A decorator of functions that say of an unknown keyword what it is called here, where it is known.

    Parameters
    ----------
    elsewhere : callable
        Gives the arguments of other functions, by what these are called, for what does not belong to the function
        itself. It is called with the function's first argument, where it has one.
    """

    def decorate(function: F) -> F:
        refusal = functools.partial(_refusal, function, elsewhere)

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                # what the function itself raises has come through its frame
                ran = error.__traceback__ is not None and error.__traceback__.tb_next is not None
                if ran or not (message := refusal(args, kwargs)):
                    raise
                raise TypeError(message) from None

        # Doctest and pickle look for the function's own globals, and `call` needs none.
        return cast(F, _copied(function, call.__code__, None, call.__closure__))

    return decorate


def _with_advice(cls: C) -> C:
    for name, member in list(vars(cls).items()):
        function = _method(name, member)
        if function is not None and name not in BARE and not isinstance(member, staticmethod):
            setattr(cls, name, _like(member, advised(_methods_of)(function)))
    return cls


def _copied(function: Any, code: Any, defaults: Any, closure: Any) -> FunctionType:
    """A function of this code with another one's name, documentation, signature and globals."""
    copy = FunctionType(code, function.__globals__, function.__name__, defaults, closure)
    functools.update_wrapper(copy, function)
    return copy


def _method(name: str, member: object) -> FunctionType | None:
    """The function of a public method, be it static or the class's; None where the member is another thing."""
    function = getattr(member, "__func__", member)
    is_public = name == "__init__" or not name.startswith("_")
    return function if is_public and isinstance(function, FunctionType) else None


def _like(member: object, function: FunctionType) -> object:
    """The function as the member is: static, the class's, or neither."""
    return type(member)(function) if isinstance(member, staticmethod | classmethod) else function


def _methods_of(owner: Any) -> dict[str, Iterable[str]]:
    """The arguments of the methods of a class, or of an object's; those of `fit` and the constructor come first."""
    cls = owner if isinstance(owner, type) else type(owner)
    methods = {name: function for name in dir(cls) if (function := _method(name, getattr_static(cls, name)))}
    names = sorted(methods, key=lambda name: (name != "fit", name != "__init__"))
    places = {name: f"{cls.__name__}(...)" if name == "__init__" else name for name in names}
    return {places[name]: inspect.signature(methods[name]).parameters for name in names}


def _refusal(
    function: Any, elsewhere: Callable[[Any], Mapping[str, Iterable[str]]], args: tuple[Any, ...], given: Iterable[str]
) -> str:
    """The error's text; nothing where all keywords are the function's."""
    parameters = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    return unexpected(function.__qualname__, given, parameters, elsewhere(args[0] if args else None))


def unexpected(
    function: str, given: Iterable[str], parameters: Iterable[str], elsewhere: Mapping[str, Iterable[str]]
) -> str:
    """The text of a function's error about keywords that are none of its parameters; nothing where all of them are."""
    name = function.rpartition(".")[2]
    unknown = [keyword for keyword in given if keyword not in parameters]
    texts = [f"{keyword!r}{_advice(name, keyword, parameters, elsewhere)}" for keyword in unknown]
    return f"{function}() got an unexpected keyword argument {', and '.join(texts)}" if texts else ""


def _advice(function: str, name: str, parameters: Iterable[str], elsewhere: Mapping[str, Iterable[str]]) -> str:
    if function in PREDICTIONS and name in UNSETTLED:
        return f": {UNSETTLED[name]}"
    if text := _translated(name, parameters):
        return f": {text}"
    for place in sorted(elsewhere, key=lambda place: function in STEPS and place not in STEPS):
        if text := _translated(name, elsewhere[place]):
            return f": in {place}, {text}"
    close = difflib.get_close_matches(name, parameters, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _translated(name: str, parameters: Iterable[str]) -> str:
    """What to do in place of naming this, where these are the arguments; nothing where that is not known."""
    present = set(parameters)
    if name in present:
        return f"use {name}"
    for same in SAME:
        if name in same and (ours := [one for one in same if one in present]):
            return f"use {ours[0]}"
    names = {same[0]: one for same in SAME for one in reversed(same) if one in present}
    try:
        return ADVICE[name].format_map(names)
    except KeyError:  # not known, or it takes an argument that is not there
        return ""
