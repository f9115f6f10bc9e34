from fastmlp import get_CIFAR10_data
