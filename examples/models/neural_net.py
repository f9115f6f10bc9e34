from fastmlp import NeuralNetwork
