"""scikit-learn's own protocol of callbacks, where the installed version has it (1.9 and newer)."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from fastmlp.history import History

__all__ = ["CallbackSupportMixin", "Tasks", "with_callbacks"]

F = TypeVar("F", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks but those of the parameter `callbacks`."""

    def with_callbacks(method: F) -> F:
        """The method itself."""
        return method


class Tasks:
    """The tasks of one `fit`, a subtask for each epoch; they are what scikit-learn's callbacks are told.

    Parameters
    ----------
    estimator : BaseMLP
    max_epochs : int
    given : dict
        X, y and metadata of the call.
    """

    def __init__(self, estimator: Any, max_epochs: int, **given: Any):
        self._estimator, self._given = estimator, {"estimator": estimator, **given}
        self._fit: Any = None
        self._epoch: Any = None
        if hasattr(estimator, "_init_callback_context"):
            self._fit = estimator._init_callback_context(max_subtasks=max_epochs)
            self._fit.call_on_fit_task_begin(**self._given)
        self._has_callbacks = bool(getattr(estimator, "_skl_callbacks", ()))
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        if self._has_callbacks:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._given, reconstruction_attributes=self._attributes)

    def end_epoch(self, network: Any, history: History) -> bool:
        """A callback of the network's training: ends the epoch's task, and begins the next one unless it is to stop."""
        if self._epoch is None:
            return False
        stops = self._epoch.call_on_fit_task_end(**self._given, reconstruction_attributes=self._attributes)
        self._epoch = None
        if not (stops or self._estimator._convergence.is_over or len(history) == self._fit.max_subtasks):
            self._begin_epoch()
        return bool(stops)

    def end(self) -> None:
        """The training is over."""
        if self._epoch is not None:  # it has not run, which L-BFGS and other callbacks decide too late to be seen here
            self._epoch.call_on_fit_task_end(estimator=self._estimator)
        if self._fit is not None:
            self._fit.call_on_fit_task_end(**self._given, reconstruction_attributes=self._attributes)

    def _attributes(self) -> dict[str, Any]:
        """What a copy of the estimator needs to predict as it would now."""
        return {"network_": copy.copy(self._estimator.network_)}
