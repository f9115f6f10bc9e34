"""What is imported by name when a figure is drawn."""

hiddenimports = ["matplotlib.figure", "matplotlib.ticker"]
