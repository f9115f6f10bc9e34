"""Networks in other programs' terms: ONNX graphs, and state dicts of PyTorch."""
