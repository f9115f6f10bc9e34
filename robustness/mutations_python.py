"""Mistakes in the engine, the training loop and the checks: as in `mutations_kernels`."""

MUTATIONS = {
    "fastmlp/validation.py": {
        "True taken for 1": ("result < low or isinstance(value, bool | np.bool_)", "result < low"),
        "integers one too small accepted": ("if result < low or", "if result < low - 1 or"),
        "integers of any size accepted": ("if high is not None and result > high:", "if False:"),
        "every seed the same": ("generator.seed(seed)", "generator.seed(0)"),
        "a shape that its owner may change": ("real_array(name, values).view()", "real_array(name, values)"),
        "None taken for float64": ("dtype is not None and choice == dtype", "choice == dtype"),
        "texts taken for numbers": ('in "biufO")', 'in "biufOU")'),
        "imaginary parts dropped": ('in "biufO")', 'in "biufOc")'),
        "infinite numbers accepted": ("math.isfinite(result) and low", "low"),
        "decay rates of 1 accepted": (" and not (open_high and result == high)", ""),
        "negative zero stays negative": ("return result + 0.0", "return result"),
        "anything taken for True or False": ("if not isinstance(value, bool | np.bool_):", "if False:"),
        "fewer hidden layers than num_layers accepted": ("if len(hidden) != n_hidden:", "if len(hidden) > n_hidden:"),
        "masked values accepted": ("if array is not values and np.ma.is_masked(values):", "if False:"),
        "an order of more rows than 32 bits hold accepted": ("if len(array) > MAX_BLAS_SIZE:", "if False:"),
        "two time steps accepted": ("if len(given) > 1:", "if False:"),
        "time steps that a float does not hold accepted": ("popitem(), 1, 2**53)", "popitem(), 1, 2**60)"),
        "complex numbers accepted": ('else "biuf")', 'else "biufc")'),
        "rows with other features accepted": ("array.ndim != 2 or array.shape[1] != n_columns", "array.ndim != 2"),
        "more rows than 32 bits hold accepted": ("if array.shape[0] > MAX_BLAS_SIZE:", "if False:"),
        "fractions of a row's number accepted": ('not in "iu":', 'not in "iuf":'),
        "an order of no rows accepted": ("array.ndim != 1 or len(array) == 0", "array.ndim != 1"),
        "an order not checked": ("outside = _kernels.first_outside(indices, n_rows)", "outside = -1"),
        "a type of another name kept": (
            'return array.astype(dtype, order="C", subok=False)',
            'return np.array(array, dtype, order="C")',
        ),
        "an order not copied": ("indices = _copied(", "indices = np.asarray("),
        "a checked order is that of other rows": (
            "first_outside(indices, n_rows)",
            "first_outside(indices, n_rows + 1)",
        ),
        "every array converted": ("if _kernels.is_stored(array):", "if False:"),
        "rows of floats that the kernels cannot gather change their type": (
            'array.astype(array.dtype.newbyteorder("=") if array.dtype.char in "fd" else dtype)',
            "array.astype(dtype)",
        ),
        "one-hot labels read as a column": ("if array.ndim == 2 and array.shape[1] == 1:", "if array.ndim == 2:"),
        "labels of other rows accepted": ("if array.shape != (n_rows,):", "if array.ndim != 1:"),
        "fractional labels cut off": ("array == np.floor(array)", "np.isfinite(array)"),
        "NaN taken for class 0": ("np.floor(array), array, -1)", "np.floor(array), array, 0)"),
        "float labels not brought near the range": (
            ".astype(np.float64), -1, n_classes)",
            ".astype(np.float64), None, None)",
        ),
        "labels not copied": ("labels = _copied(", "labels = np.asarray("),
        "labels not checked": ("outside = _kernels.first_outside(labels, n_classes)", "outside = -1"),
        "targets of another shape accepted": ("if array.shape != (n_rows, n_outputs):", "if False:"),
        "infinite targets accepted": ("if not np.isfinite(targets).all():", "if False:"),
        "names of two classes the same": (" or len(set(texts)) < n", ""),
    },
    "fastmlp/engine/parameters.py": {
        "buffers not aligned": ("start = -raw.ctypes.data % ALIGNMENT", "start = 0"),
        "arrays overlap in the flat buffer": ("-(-extent // grain) * grain", "extent // grain * grain"),
        "values of another shape broadcast": ("if array.shape != shape:", "if False:"),
        "unknown parameters accepted": ("if missing or unknown:", "if missing:"),
        "missing parameters accepted": ("if missing or unknown:", "if unknown:"),
        "NumPy takes parameters for their names": ("def __array__(", "def _as_array("),
        "NumPy gets the live arrays": ("array[()] = self.copy()", "array[()] = dict(self)"),
        "values assigned while they are read": ("(array, np.array(checked_array", "(array, np.asarray(checked_array"),
        "He's variance halved": ("np.sqrt(2 / n_in)", "np.sqrt(1 / n_in)"),
        "weights divided by the number of inputs": ("normal / np.sqrt(n_in)", "normal / n_in"),
        "Glorot's variance of the inputs alone": ("np.sqrt(2 / (n_in + n_out))", "np.sqrt(2 / (n_in + n_in))"),
        "biases in the penalty": (' if name.startswith("W")]', "]"),
        "the penalty of an evaluation not halved": ("return 0.5 * regularization *", "return regularization *"),
        "the penalty added up in float32": ("np.square(w, dtype=np.float64)", "np.square(w)"),
    },
    "fastmlp/engine/engine.py": {
        "a standardizer of fewer features accepted": ("if n_features != n_in:", "if n_features > n_in:"),
        "a standardizer not copied": ("standardizer = own_copy(standardizer)", "pass"),
        "an old standardizer stays at work in the batch": (', "_batch": None, "_tiles": []}', "}"),
        "forward not exclusive": ("self.exclusive.run(self._forward, real", "self._forward(real"),
        "an update not exclusive": ("self.exclusive.run(self._update, ", "self._update("),
        "rows that are not finite predicted": ('self.check_finite("X", X)', "pass"),
        "a row that is not finite called by its place in the batch": ("order[start + row]", "start + row"),
        "predictions share a tile": ("tile = tiles.pop()", "tile = tiles[-1]"),
        "scores given away that the next call writes over": (", n_rows).copy()", ", n_rows)"),
        "gradients of an empty batch": ("if n_rows == 0:\n            raise Val", "if False:\n            raise Val"),
        "an update without gradients": ("if not self.has_gradients:", "if False:"),
        "gradients of an older batch applied": (', "has_gradients": False}', "}"),
        "updates not counted": ("self.n_updates += updater.n_steps - before", "pass"),
        "Adam's time step counted from 0": ("self.n_updates + 1 if time_step", "self.n_updates if time_step"),
        "a given time step grows": ("else (time_step, 0)", "else (time_step, 1)"),
        "the last batch, which is smaller, dropped": (
            "while run.n_done < len(order_of_rows)",
            "while run.n_done + batch_size <= len(order_of_rows)",
        ),
        "updates of an epoch not counted": ("self.n_updates += run.n_updates - counted", "pass"),
        "training goes on after a batch that diverged": ("if run.diverged:", "if False:"),
        "labels of converted rows not in their order": (
            "labels[rows], np.arange",
            "labels[start : start + batch_size], np.arange",
        ),
        "rows in the network's own memory not copied": ("        X = workspace.apart(X)\n", ""),
        "room for a smaller batch kept": (
            "if self._batch is None or self._batch.capacity < n_rows:",
            "if self._batch is None:",
        ),
        "room for a smaller prediction kept": ("if tile is None or tile.capacity < capacity:", "if tile is None:"),
        "every block of a prediction written to the first rows": (
            "None if array is None else array[part]",
            "None if array is None else array[: part.stop - part.start]",
        ),
        "a prediction reads the first rows again and again": (
            "tile.stored(X[part])",
            "tile.stored(X[: part.stop - part.start])",
        ),
        "outputs can be written to": ("view.flags.writeable = False", "pass"),
    },
    "fastmlp/engine/buffers.py": {
        "updates not counted back": ('{"n_updates": n_updates}', "{}"),
        "moments not brought back": ("copies += zip(buffers", "_ = zip(buffers"),
        "moments of a new optimiser kept": ("for name in {**self.moments, **moments}:", "for name in moments:"),
        "snapshots of other sizes accepted": ("if sizes != self.layout.sizes:", "if False:"),
        "snapshots of another length accepted": ("if not sound or any(", "if not sound and any("),
        "moments not backed up": ("room[...] = moment", "pass"),
        "updates not backed up": ('backup["n_updates"] = self.n_updates', "pass"),
        "parameters not backed up": ('backup["flat_params"][...] = self.flat_params', "pass"),
    },
    "fastmlp/engine/workspace.py": {
        "digits dropped before a mean is subtracted": (
            "np.dtype(np.float64) if statistics else layout.dtype",
            "layout.dtype",
        ),
        "rows that are written over not copied": ("return X.copy()", "return X"),
        "no room for the widest layer's gradient": ("capacity * max(sizes[1:])", "capacity * sizes[-1]"),
    },
    "fastmlp/preprocessing.py": {
        "the variance divided by the rows less one": (
            "spread / (count * count * len(sums))",
            "spread / (count * (count - 1) * len(sums))",
        ),
        "a constant feature has scale 0": ("scale[scale == 0] = 1", "pass"),
        "rounding in float64 taken for a feature": ("return of_variance |", "return"),
        "rounding in float32 taken for a feature": (
            "return of_variance | of_type",
            "return of_variance",
        ),
        "a rare number taken for rounding": (" & (high - low <= _NOISE * eps * size)", ""),
        "a channel is constant where one feature is": (".all(axis=0)\n", ".any(axis=0)\n"),
        "as many scales as means not needed": ("or mean.shape != scale.shape", "or False"),
        "the digits of a mean beyond float32 lost": ("(exact_mean - mean).astype(dtype)", "np.zeros_like(mean)"),
    },
    "fastmlp/training.py": {
        "beta1 of 1 accepted": (
            'number("beta1", self.beta1, 0, 1, open_high=True)',
            'number("beta1", self.beta1, 0, 1)',
        ),
        "beta2 of 1 accepted": (
            'number("beta2", self.beta2, 0, 1, open_high=True)',
            'number("beta2", self.beta2, 0, 1)',
        ),
        "epsilon of 0 accepted": ('number("epsilon", self.epsilon, MIN_EPSILON)', 'number("epsilon", self.epsilon, 0)'),
        "negative learning rates accepted": (
            'number("learning_rate", self.learning_rate, 0)',
            'number("learning_rate", self.learning_rate)',
        ),
        "negative decays accepted": (
            '"learning_rate_decay", self.learning_rate_decay, 0)',
            '"learning_rate_decay", self.learning_rate_decay)',
        ),
        "negative regularisation accepted": (
            '"regularization", self.regularization, 0)',
            '"regularization", self.regularization)',
        ),
        "more rows in a batch than there are, and none trained on": (
            "if self.drop_last and self.batch_size > n_rows:",
            "if False:",
        ),
        "drop_last the wrong way round": (
            "self.batch_size if self.drop_last else",
            "self.batch_size if not self.drop_last else",
        ),
        "drop_last drops nothing": ("[: settings.n_batches(len(rows)) * settings.batch_size]", ""),
        "rows not shuffled": ("generator.permutation(len(rows))", "np.arange(len(rows))"),
        "the learning rate does not decay": (
            "history[-1].learning_rate * settings.learning_rate_decay",
            "history[-1].learning_rate",
        ),
        "epochs counted from 0 for Adam": (
            'epoch if settings.time_step == "epoch"',
            'epoch - 1 if settings.time_step == "epoch"',
        ),
        "no back-up before an epoch": ("network._back_up()", "pass"),
        "an epoch that diverged not undone": ("network._roll_back()", "pass"),
        "the last batch of fit can be applied again": ("            network._forget_batch()", "            pass"),
        "validation without rows": (
            'if len(rows) == 0:\n        raise ValueError("X_val',
            'if False:\n        raise ValueError("X_val',
        ),
        "a callback that asks to stop not heard": ("over = any(isinstance", "over = all(isinstance"),
        "a callback's score ends the training": (
            "isinstance(answer, bool | np.bool_) and bool(answer)",
            "bool(answer)",
        ),
    },
    "fastmlp/network.py": {
        "parameters that overflow not noticed": (" or not self._engine.is_finite():", ":"),
        "training without rows": (
            'if len(rows) == 0:\n            raise ValueError("X',
            'if False:\n            raise ValueError("X',
        ),
    },
    "fastmlp/engine/blas.py": {
        "a library believed that did not obey": (" or not obeyed:", ":"),
        "BLAS's threads not put back after the trial": ("set_(before)", "pass"),
        "another library's threads taken for BLAS's": ("if _file_of(get) not in", "if 0 in"),
    },
    "fastmlp/interface/overrides.py": {
        "replaced functions not looked for": ("if members(network) != unchanged:", "if False:"),
        "attributes of a network not looked at": (" or not names.isdisjoint(network.__dict__)", ""),
        "what has been put back counts as replaced": (" and own[name] != MethodType(original, network)", ""),
    },
    "fastmlp/reference.py": {
        "its first layer goes past a replaced linear_grad": (
            "if i == 1 and self.linear_grad is _LINEAR_GRAD:",
            "if i == 1:",
        ),
        "its predictions take the batch's place": ("self.outputs, self.logits = batch", "pass"),
    },
    "fastmlp/engine/threads.py": {
        "quota rounded up": ("else int(quota)", "else -int(-quota // 1)"),
        "the processors that the process may use ignored": (
            'if hasattr(os, "sched_getaffinity") else',
            "if False else",
        ),
        "more threads than blocks": ("else min(n_threads, MAX_THREADS)", "else n_threads"),
        "a team in a forked child": ("global _forked\n", ""),
    },
    "fastmlp/engine/quotas.py": {
        "the quota of the innermost group alone": ("(group, *group.parents)", "(group,)"),
    },
}

# What no test can notice, and why.
SURVIVORS: dict[str, str] = {
    "rows of floats that the kernels cannot gather change their type": (
        "float32 becomes float64 without loss, and float64 what the kernels would make of it: only memory is lost"
    ),
}
