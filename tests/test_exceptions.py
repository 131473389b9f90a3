"""What our exceptions say survives the way out of a worker process.

A process pool pickles what a worker raises. An exception whose constructor does not take what it hands to its base
class arrives as a TypeError, or not at all: the pool breaks, and the refusal is never named.
"""

import enum
import importlib
import inspect
import multiprocessing
import pkgutil
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import dita

Parts = dict[str, object]


def our_exceptions() -> Iterator[type[BaseException]]:
    """Every exception class that a module of ours defines."""
    for found in pkgutil.walk_packages(dita.__path__, "dita.", onerror=failed):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == found.name:
                yield value


def failed(name: str) -> None:
    """A package that cannot be imported must not go unnoticed."""
    raise ImportError(f"`{name}` cannot be imported; its exceptions would go untested")


def sample(wanted: object) -> object:
    """A value of an annotated type."""
    simple: dict[object, object] = {str: "a text", int: 7, bytes: b"bytes", bool: True, Path: Path("a/path")}
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted in simple:
        return simple[wanted]
    if origin is types.UnionType or origin is typing.Union:
        return sample(arguments[0])
    if origin is tuple:
        return tuple(sample(item) for item in arguments if item is not Ellipsis)
    if isinstance(wanted, type) and issubclass(wanted, enum.Enum):
        return next(iter(wanted))
    if isinstance(wanted, type) and wanted is not object:
        return wanted(**keywords(wanted))
    raise TypeError(f"`{wanted}`: no sample of this type; add one to `sample`")


def keywords(made: type) -> Parts:
    """A sample for each parameter of a class's constructor."""
    builder: object = getattr(made, "__init__", None)
    hints = typing.get_type_hints(builder if inspect.isfunction(builder) else made)
    return {name: sample(hints[name]) for name in inspect.signature(made).parameters}


def example(made: type[BaseException]) -> BaseException:
    """An exception as its constructor makes it; one of the built-in constructors takes a message."""
    if not inspect.isfunction(made.__init__):
        return made("a message")
    return made(**keywords(made))


def sent(error: BaseException) -> BaseException:
    """The exception as it arrives behind a process boundary."""
    here, there = multiprocessing.Pipe()
    with here, there:
        here.send(error)
        arrived = there.recv()
    assert isinstance(arrived, BaseException)
    return arrived


EXCEPTIONS = sorted(our_exceptions(), key=lambda made: (made.__module__, made.__qualname__))


@pytest.mark.parametrize("made", EXCEPTIONS, ids=lambda made: f"{made.__module__}.{made.__qualname__}")
def test_an_exception_survives_the_way_out_of_a_worker(made: type[BaseException]) -> None:
    """Type, message and every attribute arrive as they were."""
    error = example(made)

    arrived = sent(error)

    assert type(arrived) is made
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


class TwoArguments(Exception):
    """The planted defect: two arguments, one message."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")


class Prefixed(Exception):
    """The planted defect that raises nothing: one argument, and the message grows on the way."""

    def __init__(self, text: str) -> None:
        super().__init__(f"prefix: {text}")


def test_an_exception_that_does_not_survive_is_noticed() -> None:
    """Two arguments fail on arrival; a decorated message is decorated twice."""
    with pytest.raises(TypeError):
        sent(example(TwoArguments))
    assert str(sent(example(Prefixed))) != str(example(Prefixed))


def test_no_exception_is_overlooked() -> None:
    """The walk sees every room, and the two refusals that broke a pool."""
    names = {made.__name__ for made in EXCEPTIONS}
    rooms = {made.__module__.split(".")[1] for made in EXCEPTIONS}

    assert {"ImageRefused", "CertificateRefused"} <= names
    assert rooms == {"spec", "reference", "kernel", "conformance", "adapters", "runtime"}
