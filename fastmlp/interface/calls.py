"""Errors of calls with wrong arguments: they name the public class, and say what another library's keyword is here.

They are Python's own `TypeError`s, raised before anything runs. A correct call costs one more frame.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from inspect import getattr_static
from types import FunctionType
from typing import Any, TypeVar, cast

from fastmlp.interface.keywords import advice

# Calls so short that one more frame would be felt, and whose only argument is X.
UNWRAPPED = ("forward",)

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)


def public(cls: C) -> C:
    """A decorator of public classes: methods have the class's name (`named`), errors give advice (`advised`)."""
    for name, member in list(vars(named(cls)).items()):
        function = _method(name, member)
        if function is not None and name not in UNWRAPPED and not isinstance(member, staticmethod):
            setattr(cls, name, _like(member, advised(_methods_of)(function)))
    return cls


def named(cls: C) -> C:
    """A decorator of classes: inherited methods become copies whose qualified name is the class's own."""
    for base in cls.__mro__[:-1]:
        for name, member in list(vars(base).items()):
            function, own_name = _method(name, member), f"{cls.__qualname__}.{name}"
            # static ones are not copied: a user may replace them in the base class
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
    """A decorator of functions: the error about an unknown keyword says what to use instead, where that is known.

    Parameters
    ----------
    elsewhere : callable
        Returns the parameters of other functions by their names, to find keywords that belong to one of them. It is
        called with the function's first argument, where it has one.
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
    """The function of a public method, static or class methods included; None for other members."""
    function = getattr(member, "__func__", member)
    is_public = name == "__init__" or not name.startswith("_")
    return function if is_public and isinstance(function, FunctionType) else None


def _like(member: object, function: FunctionType) -> object:
    """The function, wrapped as the member is: as a static method, a class method, or not at all."""
    return type(member)(function) if isinstance(member, staticmethod | classmethod) else function


def _methods_of(owner: Any) -> dict[str, Iterable[str]]:
    """Parameters of all methods of a class or object, by their names; `fit` and the constructor come first."""
    cls = owner if isinstance(owner, type) else type(owner)
    methods = {name: function for name in dir(cls) if (function := _method(name, getattr_static(cls, name)))}
    names = sorted(methods, key=lambda name: (name != "fit", name != "__init__"))
    places = {name: f"{cls.__name__}(...)" if name == "__init__" else name for name in names}
    return {places[name]: inspect.signature(methods[name]).parameters for name in names}


def _refusal(
    function: Any, elsewhere: Callable[[Any], Mapping[str, Iterable[str]]], args: tuple[Any, ...], given: Iterable[str]
) -> str:
    """The error's text; empty where the function has all these keywords."""
    parameters = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]
    return unexpected(function.__qualname__, given, parameters, elsewhere(args[0] if args else None))


def unexpected(
    function: str, given: Iterable[str], parameters: Iterable[str], elsewhere: Mapping[str, Iterable[str]]
) -> str:
    """The error's text about keywords that are not among the parameters; empty where all are."""
    name = function.rpartition(".")[2]
    unknown = [keyword for keyword in given if keyword not in parameters]
    texts = [f"{keyword!r}{advice(name, keyword, parameters, elsewhere)}" for keyword in unknown]
    return f"{function}() got an unexpected keyword argument {', and '.join(texts)}" if texts else ""
