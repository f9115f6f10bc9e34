"""The description of a network without its parameters, shared by engine, files, searches and the reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.functions.activations import ACTIVATIONS, HIDDEN_ACTIVATIONS
from fastmlp.functions.losses import LOSSES, Loss
from fastmlp.validation import layer_sizes, number, one_of, real_matrix


@dataclass(frozen=True)
class Architecture:
    """Sizes, activations, loss and dtype of a network.

    Parameters
    ----------
    sizes : tuple of int
        Sizes of the input, of each hidden layer and of the output.
    activations : tuple of str
        The activation of each layer, that of the outputs last; see `fastmlp.functions.activations`.
    loss : str
        See `fastmlp.functions.losses.LOSSES`.
    dtype : numpy.dtype
        float32 or float64, native.
    loss_option : float
        The value of the loss's option, if it has one.
    dropout_rates : tuple of float
        The probability that a unit is dropped in training, of the inputs and of each hidden layer; empty for none.

    Attributes
    ----------
    n_inputs, n_outputs, n_layers : int
        Number of features, of classes (of targets in a regression), and of affine layers.
    drops : bool
        Whether any rate of dropout is above 0.
    n_scores : int
        Number of sums from which the score is computed, see `Loss.summed_score`.
    loss_row : Loss
        The loss's row of `fastmlp.functions.losses.LOSSES`.

    Raises
    ------
    ValueError
        If there is no such activation or loss, or they do not go together.
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    dtype: np.dtype
    loss_option: float = 0.0
    dropout_rates: tuple[float, ...] = ()
    n_inputs: int = field(init=False, repr=False, compare=False)
    n_outputs: int = field(init=False, repr=False, compare=False)
    n_layers: int = field(init=False, repr=False, compare=False)
    n_scores: int = field(init=False, repr=False, compare=False)
    drops: bool = field(init=False, repr=False, compare=False)
    loss_row: Loss = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.activations) != len(self.sizes) - 1:
            raise ValueError(f"activations must be {len(self.sizes) - 1}, one for each layer, got {self.activations}")
        for i, name in enumerate(self.activations[:-1]):
            one_of(f"activations[{i}]", name, HIDDEN_ACTIVATIONS, any_case=False)
        one_of("loss", self.loss, LOSSES, any_case=False)
        row = LOSSES[self.loss]
        one_of("activations[-1]", self.activations[-1], row.activations, any_case=False)
        number(row.option or "loss_option", self.loss_option, *row.option_range, open_high=True)
        n_outputs, rates = self.sizes[-1], self.dropout_rates or (0.0,) * len(self.activations)
        if len(rates) != len(self.activations):
            raise ValueError(f"dropout_rates must be {len(self.activations)}, the inputs' first, got {rates}")
        derived = {
            "n_inputs": self.sizes[0],
            "n_outputs": n_outputs,
            "n_layers": len(self.activations),
            "n_scores": 1 if row.counts_rows else n_outputs,
            "loss_row": row,
            "dropout_rates": tuple(number("a rate of dropout", rate, 0, 1, open_high=True) for rate in rates),
            "drops": any(rates),
        }
        for name, value in derived.items():  # once, since a step of a tiny network takes a microsecond
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls,
        sizes: tuple[int, ...],
        dtype: np.dtype,
        *,
        activation: str | Sequence[str] = "relu",
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        delta: float = 1.0,
        dropout: float | Sequence[float] = 0.0,
        output: str | None = None,
    ) -> "Architecture":
        """The arguments are those of `NeuralNetwork`; the outputs have the loss's default activation."""
        n_hidden = len(sizes) - 2
        if isinstance(activation, (list, tuple)):
            if len(activation) != n_hidden:
                raise ValueError(
                    f"activation must be one name, or {n_hidden}, one for each hidden layer; got {activation!r}"
                )
            hidden = tuple(one_of(f"activation[{i}]", name, HIDDEN_ACTIVATIONS) for i, name in enumerate(activation))
        else:
            hidden = (one_of("activation", activation, HIDDEN_ACTIVATIONS),) * n_hidden
        row, option = LOSSES[one_of("loss", loss, LOSSES)], 0.0
        for name, value in (("label_smoothing", label_smoothing), ("delta", delta)):
            owner = next(one for one in LOSSES.values() if one.option == name)
            checked = number(name, value, *owner.option_range, open_high=True)
            if owner is row:
                option = checked
            elif checked != owner.option_default:
                raise ValueError(f"{name} is an option of loss={owner.name!r}, got loss={row.name!r}")
        activations = (*hidden, output or row.activations[0])
        return cls(sizes, activations, row.name, dtype, option, checked_rates(dropout, n_hidden))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Architecture":
        """The inverse of `to_dict`; without activations and loss, as in early files: ReLU, softmax and cross-entropy.

        Raises
        ------
        KeyError, TypeError, ValueError
            If a value is missing or invalid.
        """
        if values["dtype"] not in ("float32", "float64"):
            raise ValueError(f"dtype must be 'float32' or 'float64', got {values['dtype']!r}")
        first, *hidden, last = values["sizes"]
        sizes, dtype = layer_sizes(first, hidden, last, None), np.dtype(values["dtype"])
        if "activations" not in values:
            return cls.of(sizes, dtype)
        option = values.get("loss_option", 0.0)
        rates = tuple(values.get("dropout_rates", ()))
        return cls(sizes, tuple(values["activations"]), values["loss"], dtype, option, rates)

    def to_dict(self) -> dict[str, Any]:
        """A dict that JSON can hold."""
        return {
            "sizes": list(self.sizes),
            "activations": list(self.activations),
            "loss": self.loss,
            "loss_option": self.loss_option,
            "dropout_rates": list(self.dropout_rates),
            "dtype": self.dtype.name,
        }

    @property
    def n_losses(self) -> int:
        """Number of terms that the loss of a row is the mean of: one for each output, or 1 for class labels."""
        return 1 if self.loss_row.of_classes else self.n_outputs

    @property
    def n_classes(self) -> int:
        """Number of class names: two for one binary output, else one for each output."""
        return 2 if self.loss_row.decides and self.has_one_class else self.n_outputs

    @property
    def has_one_class(self) -> bool:
        """Whether a row has one class, of several or of two by one binary output."""
        return self.loss_row.of_classes or (self.loss_row.decides and self.n_outputs == 1)

    @property
    def activation(self) -> str | tuple[str, ...]:
        """The activation of the hidden layers, or one for each where they differ; "relu" if there are none."""
        hidden = self.activations[:-1]
        return hidden if len(set(hidden)) > 1 else next(iter(hidden), "relu")

    @property
    def dropout(self) -> float | tuple[float, ...]:
        """The rate of all hidden layers, or, where others are needed to say it, all rates, the inputs' first."""
        inputs, *hidden = self.dropout_rates
        return self.dropout_rates if inputs or len(set(hidden)) > 1 else next(iter(hidden), 0.0)

    @property
    def loss_options(self) -> tuple[float, ...]:
        """The last argument of the loss's functions in NumPy, where it has an option that is not 0."""
        return (self.loss_option,) if self.loss_option else ()

    @property
    def activation_codes(self) -> list[int]:
        """The kernels' code of each layer's activation."""
        return [ACTIVATIONS[name].code for name in self.activations]

    def checked_rows(self, name: str, X: npt.ArrayLike) -> np.ndarray:
        """X (n_rows, n_inputs) as an array of real numbers of any type and layout."""
        return real_matrix(name, X, self.n_inputs)

    def checked_targets(self, name: str, y: npt.ArrayLike, n_rows: int) -> np.ndarray:
        """Labels or targets for n_rows rows, as the kernels take them; always a copy."""
        return self.loss_row.check(name, y, n_rows, self.n_outputs, self.dtype)


def checked_rates(dropout: Any, n_hidden: int) -> tuple[float, ...]:
    """The rates of the inputs and of each hidden layer, from one for all hidden layers, or from a list of all."""
    if isinstance(dropout, np.ndarray):
        dropout = dropout.tolist()
    if not isinstance(dropout, list | tuple):
        rate = number("dropout", dropout, 0, 1, open_high=True)
        if rate and not n_hidden:
            raise ValueError(f"dropout must be 0, or [rate of the inputs], without a hidden layer, got {dropout!r}")
        return (0.0,) + (rate,) * n_hidden
    if len(dropout) != n_hidden + 1:
        raise ValueError(
            f"dropout must be one number for the hidden layers, or {n_hidden + 1}, one for the inputs and one for each "
            f"hidden layer; got {dropout!r}"
        )
    return tuple(number(f"dropout[{i}]", rate, 0, 1, open_high=True) for i, rate in enumerate(dropout))
