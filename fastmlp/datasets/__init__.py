"""Data sets: CIFAR-10 from its official files, and handwritten digits that come with the package."""

from fastmlp.datasets.cifar10 import CIFAR10_CLASSES, get_CIFAR10_data
from fastmlp.datasets.digits import load_digits
from fastmlp.datasets.download import download_CIFAR10

__all__ = ["CIFAR10_CLASSES", "download_CIFAR10", "get_CIFAR10_data", "load_digits"]
