"""First-layer weights as images."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastmlp.plots.panels import single_panel, titled
from fastmlp.validation import integer, real_array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_weights(
    weights: npt.ArrayLike, image_shape: tuple[int, ...] = (32, 32, 3), *, title: str | None = None, ax: Any = None
) -> "Figure":
    """The weights of each unit of the first layer, as tiled images.

    Each image uses the whole range of brightness; lighter is a larger weight.

    Parameters
    ----------
    weights : array_like (n_in, n_units)
        `network.params["W1"]`.
    image_shape : tuple of int
        (height, width, 3), or (height, width) for shades of grey; n_in is their product.
    title : str, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
        A new one, or that of `ax`.

    Raises
    ------
    TypeError, ValueError
        If the weights are not finite, or not a matrix with a row for each number of an image.

    Examples
    --------
    >>> from fastmlp import NeuralNetwork
    >>> from fastmlp.plots import plot_weights
    >>> figure = plot_weights(NeuralNetwork(64, [12], 10, seed=0).params["W1"], (8, 8))
    >>> figure.axes[0].images[0].get_array().shape  # 3 rows of 4 images, with a line of 1 between
    (26, 35, 3)
    """
    array = real_array("weights", weights)
    shape = tuple(integer(f"image_shape[{i}]", size) for i, size in enumerate(image_shape))
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)):
        raise ValueError(f"image_shape must be (height, width) or (height, width, 3), got {image_shape!r}")
    if array.ndim != 2 or array.shape[0] != math.prod(shape) or 0 in array.shape:
        raise ValueError(f"weights must have shape ({math.prod(shape)}, n_units) for images {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("weights must be finite, got NaN or an infinity")
    images = np.moveaxis(array.astype(np.float64), 1, 0).reshape(array.shape[1], *shape[:2], -1)
    low, high = (limit(images, axis=(1, 2, 3), keepdims=True) for limit in (np.min, np.max))
    images = (images - low) / np.where(high > low, high - low, 1)
    panel = single_panel(ax, 7, 7)
    panel.imshow(_tiled(np.broadcast_to(images, (*images.shape[:3], 3))), interpolation="nearest")
    panel.set_axis_off()
    return titled(panel, title)


def _tiled(images: np.ndarray) -> np.ndarray:
    """Images (n, height, width, 3) in a grid, about as high as it is wide, with white lines between."""
    n, height, width, _ = images.shape
    n_columns = math.ceil(math.sqrt(n * height / width))
    n_rows = math.ceil(n / n_columns)
    # a line below and to the right of each, and white images in the places that are left
    padded = np.pad(images, ((0, n_rows * n_columns - n), (0, 1), (0, 1), (0, 0)), constant_values=1)
    grid = padded.reshape(n_rows, n_columns, height + 1, width + 1, 3).swapaxes(1, 2)
    return grid.reshape(n_rows * (height + 1), n_columns * (width + 1), 3)[:-1, :-1]
