"""What figures need, which is imported by name when one is drawn."""

hiddenimports = ["matplotlib.figure", "matplotlib.ticker"]
