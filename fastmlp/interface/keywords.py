"""Keywords of other libraries, and what to use for them here."""

import contextlib
import difflib
from collections.abc import Iterable, Mapping

from fastmlp.functions.optimizers import OPTIMIZERS

# Names of the same thing, here and in other libraries. A keyword stands for the first one that the function has.
SYNONYMS = [
    names.split()
    for names in (
        "learning_rate lr learning_rate_init init_lr initial_lr base_lr eta eta0 step_size",
        "learning_rate_decay lr_decay decay decay_rate gamma",
        "regularization reg regularisation alpha l2 l2_reg l2_regularization reg_lambda lambda_ lam",
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
        "activation activations activation_fn activation_function hidden_activation nonlinearity",
        "loss loss_fn loss_function criterion objective",
        "init weight_init initializer kernel_initializer init_method initialization weight_scale std",
        "n_threads n_jobs num_threads threads num_workers n_workers workers",
        "dtype precision",
        "standardizer scaler normalizer preprocessor",
        "X_val X_valid x_val X_validation X_test x_test",
        "y_val y_valid y_validation y_test",
        "X x inputs input data X_train x_train X_test x_test",
        "y Y labels label targets target y_true y_train y_test",
        "dropout dropout_rate dropout_p drop_prob p_dropout",
        "dropout_keep_ratio keep_ratio keep_prob keep_probability",
        "schedule lr_scheduler lr_schedule scheduler learning_rate_schedule",
        "clip_norm clipnorm global_clipnorm clip_grad grad_clip gradient_clip gradient_clip_val max_grad_norm max_norm",
        "patience n_iter_no_change early_stopping_patience",
        "tol min_delta",
        "validation_fraction validation_split val_split",
        "sample_weight sample_weights weights",
        "class_weight class_weights",
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
# What to do here for the same effect; a name in braces is shown as the function itself calls it. Where the function has
# no such argument, a synonym is looked for.
ADVICE = {
    name: text
    for names, text in {
        "momentum nesterovs_momentum": 'use {beta1}, with {optimizer}="Momentum"',
        "betas": "use {beta1} and {beta2}",
        "validation_data eval_set val_data valid_data validation_set": "pass {X_val} and {y_val}",
        "cv": "there is no cross-validation: pass {X_val} and {y_val}",
        "restore_best_weights": "leave it out: early_stopping keeps the best parameters",
        "power_t": 'use {schedule}="inverse_scaling"',
        "shuffle": "fit shuffles the rows in each epoch, and train_epoch takes them in the order that it is given",
        "warm_start initial_epoch": "a second call goes on where the first one ended, and a new network starts anew",
        "weight_decay": "use {regularization}",
        "dropout_rate dropout_p drop_prob p_dropout": "use {dropout_keep_ratio}, which is 1 - rate",
        "dropout_keep_ratio keep_ratio keep_prob keep_probability": "use {dropout}, which is 1 - the ratio to keep",
        "metrics scoring": "loss and accuracy, or R2, are measured always",
        "batch_norm batchnorm use_batch_norm use_batchnorm normalization": "there is no batch normalisation",
        "clipvalue": "use {clip_norm}, the norm of the whole gradient",
        "nesterov amsgrad dampening": f"the optimisers are {', '.join(OPTIMIZERS)}, without variants",
        "device gpu use_gpu cuda": "all is computed on the CPU; n_threads of a network says by how many threads",
        "bias use_bias fit_intercept": "every layer has biases",
        "with_mean with_std": "mean and standard deviation are both taken out; Standardizer.of_statistics takes others",
        "copy inplace": "X is never changed; leave it out",
        "train split": "all parts come at once, X_train, X_val and X_test",
        "download": "leave it out: CIFAR-10 is downloaded where it is in none of the folders, and nothing else is",
        "return_X_y": "X and y are what is returned; leave it out",
        "overwrite allow_pickle weights_only map_location": "leave it out: an older file is replaced, and nothing in a "
        "file is executed",
    }.items()
    for name in names.split()
}
# For functions that have no settings.
PREDICTIONS = ("predict", "predict_proba", "evaluate", "score")
NOT_SETTINGS = {
    "batch_size": "leave it out: rows go through in blocks, and any number of them fits",
    "verbose": "leave it out: nothing is shown",
}
# A keyword that one of these lacks is looked for in the other first.
STEPS = ("backward", "update")


def advice(function: str, name: str, parameters: Iterable[str], elsewhere: Mapping[str, Iterable[str]]) -> str:
    """What to use in place of this keyword, as the end of a sentence; empty where that is not known.

    Parameters
    ----------
    function, name : str
        The function, without its class, and the unknown keyword.
    parameters : iterable of str
        The function's parameters.
    elsewhere : mapping
        The parameters of other functions, by their names.
    """
    if function in PREDICTIONS and name in NOT_SETTINGS:
        return f": {NOT_SETTINGS[name]}"
    if text := _translated(name, parameters):
        return f": {text}"
    for place in sorted(elsewhere, key=lambda place: function in STEPS and place not in STEPS):
        if text := _translated(name, elsewhere[place]):
            return f": in {place}, {text}"
    close = difflib.get_close_matches(name, parameters, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _translated(name: str, parameters: Iterable[str]) -> str:
    """What to use in place of this keyword of a function with these parameters; empty where that is not known."""
    present = set(parameters)
    if name in present:
        return f"use {name}"
    if "dropout_keep_ratio" in present:
        present.discard("dropout")  # an older name of it there, and no rate
    names = {same[0]: one for same in SYNONYMS for one in reversed(same) if one in present}
    with contextlib.suppress(KeyError):  # not known, or it takes an argument that is not there
        return ADVICE[name].format_map(names)
    return next((f"use {names[same[0]]}" for same in SYNONYMS if name in same and same[0] in names), "")
