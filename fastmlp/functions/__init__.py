"""What there is to choose: a table each of activations, losses and optimisers, with their functions in NumPy."""
