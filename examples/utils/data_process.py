from fastmlp import get_CIFAR10_data, get_FASHION_data
