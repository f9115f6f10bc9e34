"""What is imported by name when a figure is drawn."""

hiddenimports = ["matplotlib.axes", "matplotlib.figure", "matplotlib.ticker"]
