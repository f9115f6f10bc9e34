"""Data sets: CIFAR-10 and Fashion-MNIST from their official files, and digits that come with the package."""

from fastmlp.datasets.cifar10 import CIFAR10_CLASSES, get_CIFAR10_data
from fastmlp.datasets.digits import load_digits
from fastmlp.datasets.download import download_CIFAR10
from fastmlp.datasets.fashion import FASHION_CLASSES, get_FASHION_data

__all__ = [
    "CIFAR10_CLASSES",
    "FASHION_CLASSES",
    "download_CIFAR10",
    "get_CIFAR10_data",
    "get_FASHION_data",
    "load_digits",
]
