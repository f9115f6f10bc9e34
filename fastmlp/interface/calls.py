"""Calls that do not fit: errors name public classes, and say what another library's keyword is called here.

They stay Python's own `TypeError`s, raised before anything runs. A call that fits passes through one more frame.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from inspect import getattr_static
from types import FunctionType
from typing import Any, TypeVar, cast

from fastmlp.interface.keywords import advice

# Calls that take no time, next to which one more frame does, and whose only argument is X.
UNWRAPPED = ("forward",)

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)


def public(cls: C) -> C:
    """A class as its users know it: all its methods bear its name, see `named`, and give advice, see `advised`."""
    for name, member in list(vars(named(cls)).items()):
        function = _method(name, member)
        if function is not None and name not in UNWRAPPED and not isinstance(member, staticmethod):
            setattr(cls, name, _like(member, advised(_methods_of)(function)))
    return cls


def named(cls: C) -> C:
    """Give a class copies of the methods that it has from others, which bear its name."""
    for base in cls.__mro__[:-1]:
        for name, member in list(vars(base).items()):
            function, own_name = _method(name, member), f"{cls.__qualname__}.{name}"
            # functions of no object stay where they are, for whoever replaces them there
            if function is None or isinstance(member, staticmethod):
                continue
            if (function.__module__, function.__qualname__) != (cls.__module__, own_name):
                function = inspect.unwrap(function)
                copy = _copied(function, function.__code__, function.__defaults__, function.__closure__)
                copy.__kwdefaults__ = function.__kwdefaults__
                copy.__module__, copy.__qualname__ = cls.__module__, own_name
                member = _like(member, copy)
            if base is cls or name not in vars(cls):
                setattr(cls, name, member)
    return cls


def advised(elsewhere: Callable[[Any], Mapping[str, Iterable[str]]] = lambda first: {}) -> Callable[[F], F]:
    """A decorator of functions that say of an unknown keyword what it is called here, where it is known.

    Parameters
    ----------
    elsewhere : callable
        Gives the arguments of other functions, by what these are called, for what does not belong to the function
        itself. It is called with the function's first argument, where it has one.
    """

    def decorate(function: F) -> F:
        refusal = functools.partial(_refusal, function, elsewhere)

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                # what the function itself raises has come through its frame
                ran = error.__traceback__ is not None and error.__traceback__.tb_next is not None
                if ran or not (message := refusal(args, kwargs)):
                    raise
                raise TypeError(message) from None

        # Doctest and pickle look for the function's own globals, and `call` needs none.
        return cast(F, _copied(function, call.__code__, None, call.__closure__))

    return decorate


def _copied(function: Any, code: Any, defaults: Any, closure: Any) -> FunctionType:
    """A function of this code with another one's name, documentation, signature and globals."""
    copy = FunctionType(code, function.__globals__, function.__name__, defaults, closure)
    functools.update_wrapper(copy, function)
    return copy


def _method(name: str, member: object) -> FunctionType | None:
    """The function of a public method, be it static or the class's; None where the member is another thing."""
    function = getattr(member, "__func__", member)
    is_public = name == "__init__" or not name.startswith("_")
    return function if is_public and isinstance(function, FunctionType) else None


def _like(member: object, function: FunctionType) -> object:
    """The function as the member is: static, the class's, or neither."""
    return type(member)(function) if isinstance(member, staticmethod | classmethod) else function


def _methods_of(owner: Any) -> dict[str, Iterable[str]]:
    """The arguments of the methods of a class, or of an object's; those of `fit` and the constructor come first."""
    cls = owner if isinstance(owner, type) else type(owner)
    methods = {name: function for name in dir(cls) if (function := _method(name, getattr_static(cls, name)))}
    names = sorted(methods, key=lambda name: (name != "fit", name != "__init__"))
    places = {name: f"{cls.__name__}(...)" if name == "__init__" else name for name in names}
    return {places[name]: inspect.signature(methods[name]).parameters for name in names}


def _refusal(
    function: Any, elsewhere: Callable[[Any], Mapping[str, Iterable[str]]], args: tuple[Any, ...], given: Iterable[str]
) -> str:
    """The error's text; nothing where all keywords are the function's."""
    parameters = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    return unexpected(function.__qualname__, given, parameters, elsewhere(args[0] if args else None))


def unexpected(
    function: str, given: Iterable[str], parameters: Iterable[str], elsewhere: Mapping[str, Iterable[str]]
) -> str:
    """The text of a function's error about keywords that are none of its parameters; nothing where all of them are."""
    name = function.rpartition(".")[2]
    unknown = [keyword for keyword in given if keyword not in parameters]
    texts = [f"{keyword!r}{advice(name, keyword, parameters, elsewhere)}" for keyword in unknown]
    return f"{function}() got an unexpected keyword argument {', and '.join(texts)}" if texts else ""
