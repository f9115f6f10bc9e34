"""Public tables that packages ship, written to CSV files as they come.

    pip install --group tables
    python -m benchmarks.table_files FOLDER

Nothing in a table is changed: gaps, texts, dates and codes stay as they are. Some files have the unnamed first column
that `frame.to_csv` writes where `index=False` is not given. What is left out is what the user leaves out by options:
names, identifiers, dates, remarks, and columns from which the target follows. Tables of fewer than 150 rows are not
here: the score of so few test rows says nothing.
"""

import argparse
import importlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


class TableFile(NamedTuple):
    """A table, and how its file is trained on.

    Attributes
    ----------
    package : str
        The package that ships it.
    load : callable
        Gives the table, a pandas.DataFrame.
    target : str
        The column that is predicted.
    task : str
        What the network should learn: "classification" or "regression".
    ignore : tuple of str
        Columns that a user leaves out.
    index : bool
        Whether the file has the frame's index, as an unnamed first column.
    options : tuple of str
        Further options of the command that a user has to give.
    """

    package: str
    load: Callable[[], "pd.DataFrame"]
    target: str
    task: str
    ignore: tuple[str, ...] = ()
    index: bool = False
    options: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """The file, as pandas writes it."""
        self.load().to_csv(path, index=self.index)

    def arguments(self, path: Path | str) -> list[str]:
        """What a user gives `fastmlp train` for this file."""
        ignored = ["--ignore", ",".join(self.ignore)] if self.ignore else []
        return ["--data", str(path), "--target", self.target, *ignored, *self.options]


def bokeh(name: str) -> "pd.DataFrame":
    """Of bokeh_sampledata, in which each table has a module."""
    return importlib.import_module(f"bokeh_sampledata.{name}").data


def plotnine(name: str) -> "pd.DataFrame":
    """Of plotnine."""
    import plotnine.data

    return getattr(plotnine.data, name)


def plotly(name: str) -> "pd.DataFrame":
    """Of plotly."""
    import plotly.data

    return getattr(plotly.data, name)()


def scikit_learn(name: str) -> "pd.DataFrame":
    """Of scikit-learn."""
    import sklearn.datasets

    return getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame


def scikit_lego(name: str) -> "pd.DataFrame":
    """Of scikit-lego."""
    import sklego.datasets

    return getattr(sklego.datasets, f"load_{name}")(as_frame=True)


def statsmodels(name: str) -> "pd.DataFrame":
    """Of statsmodels."""
    import statsmodels.datasets

    return getattr(statsmodels.datasets, name).load_pandas().data


def vega(name: str) -> "pd.DataFrame":
    """Of vega_datasets, without a download."""
    from vega_datasets import local_data

    return getattr(local_data, name)()


def penguins(name: str) -> "pd.DataFrame":
    """Of palmerpenguins."""
    import palmerpenguins

    return getattr(palmerpenguins, f"load_{name}")()


def of(loader: Callable[[str], "pd.DataFrame"], name: str) -> Callable[[], "pd.DataFrame"]:
    """The table of this name, when it is asked for."""
    return lambda: loader(name)


REMARKS = ("Individual ID", "Date Egg", "Comments")
COUNTS = ("--task", "regression")
# by the name of the file
FILES = {
    # texts and gaps
    "penguins": TableFile("palmerpenguins", of(penguins, "penguins"), "species", "classification"),
    "penguins_raw": TableFile("palmerpenguins", of(penguins, "penguins_raw"), "Species", "classification", REMARKS),
    "titanic": TableFile("bokeh-sampledata", of(bokeh, "titanic"), "survived", "classification", index=True),
    "cars": TableFile("vega-datasets", of(vega, "cars"), "Miles_per_Gallon", "regression", ("Year",)),
    "txhousing": TableFile("plotnine", of(plotnine, "txhousing"), "median", "regression"),
    # texts
    "arrests": TableFile("scikit-lego", of(scikit_lego, "arrests"), "released", "classification", index=True),
    "hearts": TableFile("scikit-lego", of(scikit_lego, "hearts"), "target", "classification"),
    "midwest": TableFile("plotnine", of(plotnine, "midwest"), "inmetro", "classification", ("PID", "category")),
    "abalone": TableFile("scikit-lego", of(scikit_lego, "abalone"), "rings", "regression", options=COUNTS),
    "diamonds": TableFile("plotnine", of(plotnine, "diamonds"), "price", "regression", index=True),
    "gapminder": TableFile("plotly", of(plotly, "gapminder"), "lifeExp", "regression", ("iso_alpha", "iso_num")),
    "grunfeld": TableFile("statsmodels", of(statsmodels, "grunfeld"), "invest", "regression"),
    "mpg": TableFile("plotnine", of(plotnine, "mpg"), "hwy", "regression", ("cty",)),
    "tips": TableFile("plotly", of(plotly, "tips"), "tip", "regression", index=True),
    # numbers
    "anes96": TableFile("statsmodels", of(statsmodels, "anes96"), "vote", "classification"),
    "breast_cancer": TableFile("scikit-learn", of(scikit_learn, "breast_cancer"), "target", "classification"),
    "digits": TableFile("scikit-learn", of(scikit_learn, "digits"), "target", "classification"),
    "fair": TableFile("statsmodels", of(statsmodels, "fair"), "rate_marriage", "classification"),
    "forensic_glass": TableFile("bokeh-sampledata", of(bokeh, "forensic_glass"), "type", "classification"),
    "iris": TableFile("vega-datasets", of(vega, "iris"), "species", "classification"),
    "modechoice": TableFile("statsmodels", of(statsmodels, "modechoice"), "choice", "classification", ("individual",)),
    "seattle_weather": TableFile("vega-datasets", of(vega, "seattle_weather"), "weather", "classification", ("date",)),
    "wine": TableFile("scikit-learn", of(scikit_learn, "wine"), "target", "classification", index=True),
    "diabetes": TableFile("scikit-learn", of(scikit_learn, "diabetes"), "target", "regression"),
    "randhie": TableFile("statsmodels", of(statsmodels, "randhie"), "mdvis", "regression", options=COUNTS),
}


def main() -> None:
    """Write the files, and print how each is trained on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are written")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in FILES.items():
        path = folder / f"{name}.csv"
        file.write(path)
        print(shlex.join(["fastmlp", "train", *file.arguments(path)]))


if __name__ == "__main__":
    main()
