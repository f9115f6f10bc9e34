"""Trainings of a network, right or wrong, cut off or not, each against a second network's by hand."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import rule

from fastmlp import DivergenceError, NeuralNetwork
from robustness import fuzz_arguments as arguments
from robustness import fuzz_arrays as arrays
from robustness.fuzz_arguments import parted, some
from robustness.fuzz_pair import Pair
from robustness.fuzz_twin import cut_off, epoch_by_hand, exact, fit_by_hand


class Trainings(Pair):
    """`train_epoch` and `fit`."""

    @rule(
        rows=arrays.rows(),
        labels=arrays.labels(),
        given=some(arguments.EPOCH),
        order=st.sampled_from((None, None, "permuted", "some", "negative", "too large", "fractional", "none")),
    )
    def train_epoch(self, rows: arrays.Rows, labels: arrays.Labels, given: dict[str, Any], order: str | None) -> None:
        """What the three calls do, batch by batch."""
        X, y, wrong = self.labelled(rows, labels)
        options, wrong_options = parted(given)
        n, random = len(X.plain) if X.plain.ndim else 0, np.random.RandomState(rows.seed)
        right = {
            None: np.arange(n),
            "permuted": random.permutation(n),
            "some": random.randint(max(n, 1), size=7).astype(np.uint16),
        }
        spoiled = {"negative": np.arange(n) - 1, "too large": [n], "fractional": np.arange(n) / 2, "none": range(0)}
        if order in spoiled:
            wrong.add("order")
        chosen = None if order is None else {**right, **spoiled}[order]
        call = functools.partial(NeuralNetwork.train_epoch, X=X.value, y=y.value, order=chosen, **options)
        if not wrong | wrong_options and not self.finite(X.plain[right[order]]):
            self.spoils(call)
            return
        taken, found = self.attempt(call, wrong | wrong_options)
        if taken:
            by_hand = epoch_by_hand(self.twin, X.plain, y.plain.ravel().astype(np.intp), right[order], **options)
            if isinstance(found, DivergenceError):
                assert found.batch == by_hand, f"it diverged in batch {found.batch}, by hand {by_hand}"
            else:
                assert exact(found) == exact(by_hand), f"it gave {found}, by hand {by_hand}"
        self.compare()

    @rule(
        rows=arrays.rows(),
        labels=arrays.labels(),
        given=some(arguments.FIT),
        validation=st.sampled_from((None, None, "whole", "without labels", "wrong labels")),
        kept=st.sampled_from((None, None, "anew", "cut off", "no path", "null", "nowhere", "of another seed")),
    )
    def fit(
        self,
        rows: arrays.Rows,
        labels: arrays.Labels,
        given: dict[str, Any],
        validation: str | None,
        kept: str | None,
    ) -> None:
        """What `train_epoch` and `evaluate` do, epoch by epoch; also where a part of it has been done before."""
        # which both look at X anew in each epoch: a view of the parameters would be another one
        rows = rows._replace(own="") if rows.own == "params" else rows
        X, y, wrong = self.labelled(rows, labels)
        options, wrong_options = parted({"epochs": 1, "seed": 0, **given})
        wrong |= wrong_options
        n = len(X.plain) if X.plain.ndim else 0
        if (
            not wrong & {"X", "batch_size", "drop_last"}
            and options.get("drop_last")
            and options.get("batch_size", 200) > n
        ):
            wrong.add("batch_size")
        held_out = {
            "whole": y.plain,
            "without labels": None,
            "wrong labels": np.full(n, self.net.output_size),
        }
        data = {} if validation is None else {"X_val": X.plain, "y_val": held_out[validation]}
        if validation in ("without labels", "wrong labels"):
            wrong.add("y_val")
        if kept in ("no path", "null", "nowhere"):
            wrong.add("checkpoint")
        if not wrong and not self.finite(X.plain):
            self.spoils(lambda net: net.fit(X.value, y.value, **{**options, "drop_last": False}, **data))
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "checkpoint.npz")
            if not wrong and kept == "cut off":
                cut_off(self.net, path, X=X.value, y=y.value, **options, **data)
            elif not wrong and kept == "of another seed":
                cut_off(self.net, path, X=X.value, y=y.value, **{**options, "seed": 9}, **data)
                wrong.add("seed")
            where = {None: None, "no path": 3, "null": "a\0b", "nowhere": None}.get(kept, path)
            call = functools.partial(NeuralNetwork.fit, X=X.value, y=y.value, **options, **data)
            resume = kept not in (None, "anew")
            taken, found = self.attempt(lambda net: call(net, checkpoint=where, resume=resume), wrong)
        if taken:
            options.pop("callbacks", None)
            diverged = fit_by_hand(self.twin, X.plain, y.plain.ravel(), validation is not None, **options)
            assert isinstance(found, DivergenceError) == diverged
            history = found.history if isinstance(found, DivergenceError) else found
            assert history is self.net.history
        self.compare()
