"""Methods of `fastmlp.NeuralNetwork` by what they are for; its module, `network.py`, has the rest."""
