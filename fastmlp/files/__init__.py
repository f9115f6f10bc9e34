"""Model files and checkpoints, and how any file is read and written whole."""
