"""Figures that show themselves in a notebook; imported where one is made, since it needs matplotlib."""

import io
import struct

from matplotlib.figure import Figure

# pixels of the picture for each one on the page, for screens with dense pixels
DENSITY = 2


class NotebookFigure(Figure):
    """A Figure that a notebook shows as the value of a cell, without pyplot.

    Where pyplot's inline backend is active, that one draws it.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """A PNG image, and its width and height on the page."""
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=DENSITY * self.dpi)
        picture = file.getvalue()
        # the user's savefig.bbox may make it smaller than the figure; a PNG file begins with its size
        width, height = struct.unpack(">2I", picture[16:24])
        return picture, {"width": round(width / DENSITY), "height": round(height / DENSITY)}
