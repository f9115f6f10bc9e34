"""Errors for calls that would ignore what a user has replaced, since they compute in the kernels."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import getattr_static
from operator import attrgetter
from types import MethodType
from typing import Any

# What to do instead, for someone who has replaced a member that a call would ignore.
REFERENCE = "use fastmlp.reference.NeuralNetwork, which calls it"
OR_CALL = f"{REFERENCE}, or replace {{call}} too"
LOOP = f"{REFERENCE}, or train by a loop of forward, backward and update"

# The functions of a forward pass and of a backward pass.
FORWARD = dict.fromkeys(("linear", "relu", "softmax"), REFERENCE)
BACKWARD = dict.fromkeys(("linear_grad", "relu_grad", "softmax_grad", "cross_entropy"), REFERENCE)


class Originals:
    """The original members of a class, to find out which ones an object has replaced."""

    def __init__(self, owner: type, names: Iterable[str]):
        self._members = {name: getattr(owner, name) for name in names}

    def replaced(self, network: Any) -> Iterator[str]:
        """Names of the members that a network has replaced, in its own class or as its attributes."""
        own = vars(network)
        for name, original in self._members.items():
            if name in own and callable(original):
                # undoing a change may leave the original method there as a bound one
                if own[name] is not original and own[name] != MethodType(original, network):
                    yield name
            elif getattr(type(network), name) is not original:
                yield name


def refusal(owner: type, call: str, ignored: Mapping[str, str]) -> Callable[[Any], None]:
    """The check that a method makes of its network first: a TypeError where it would ignore a replaced member.

    Parameters
    ----------
    owner : type
        The method's class, with its original members.
    call : str
        The method's name.
    ignored : mapping
        The members that the method does not use, and what to do instead for someone who has replaced one.
    """
    originals, names = Originals(owner, ignored), frozenset(ignored)
    members = attrgetter(*ignored)
    unchanged = members(owner)

    def refuse(network: Any) -> None:
        for name in originals.replaced(network):
            # fastmlp's own class, which the network's class may derive from
            made = next(one.__name__ for one in type(network).__mro__ if one.__module__.startswith("fastmlp."))
            place = "this network" if name in vars(network) else type(network).__name__
            raise TypeError(
                f"{made}.{call} would ignore the replaced {name!r} of {place}, since its compiled kernels never use "
                f"it: {ignored[name].format(call=call)}"
            )

    # Quick, since a step of a tiny network takes microseconds; a static method is the same from class and network.
    if all(isinstance(getattr_static(owner, name), staticmethod) for name in ignored):

        def check(network: Any) -> None:
            if members(network) != unchanged:
                refuse(network)

    else:

        def check(network: Any) -> None:
            if members(type(network)) != unchanged or not names.isdisjoint(network.__dict__):
                refuse(network)

    return check


def check_arrays(cls: type, owner: type) -> None:
    """Raise a TypeError where a subclass of the owner replaces one of the mappings of live arrays."""
    for name in ("params", "gradients"):
        if getattr(getattr(cls, name), "fget", None) is not vars(owner)[name].fget:
            raise TypeError(
                f"{cls.__name__} cannot replace {name!r}, since the compiled kernels would never look at it: write "
                "into the arrays that the network has there, in place"
            )
