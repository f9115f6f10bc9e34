"""What is imported by name when a report is written."""

hiddenimports = ["matplotlib.backends.backend_svg"]
