"""The feature map: what is known of a symbol besides its market, from a file that an operator gives.

A JSON object: symbol to an object of features (``dita.spec.decisions.Feature``) to numbers. A symbol or a feature that
is not there is missing, which is no number; one that nobody knows is an error.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self, cast

from dita.runtime.foreign_numbers import NotANumber, positive_units
from dita.spec.decisions import Feature

FeatureMap = Mapping[str, Mapping[Feature, object]]


class FeaturesError(Exception):
    """The feature map cannot be used; ``problems`` names each wrong entry, with its value and what is expected."""

    def __init__(self, path: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"features: `{path}` cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.path = path
        self.problems = problems

    def __reduce__(self) -> tuple[type[Self], tuple[str, tuple[str, ...]]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.path, self.problems)


def read_features(path: Path | None, symbols: Collection[str]) -> FeatureMap:
    """The map of these symbols, empty without a file. Raises FeaturesError with every problem at once."""
    if path is None:
        return {}
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_distinct)
    except OSError as error:
        raise FeaturesError(str(path), (f"it cannot be read: {error.strerror}",)) from None
    except (ValueError, RecursionError) as error:
        raise FeaturesError(str(path), (f"it is no JSON: {error}",)) from None
    if not isinstance(document, dict):
        raise FeaturesError(str(path), ("it is no JSON object of symbols",))
    problems: list[str] = []
    found: dict[str, dict[Feature, object]] = {}
    for symbol, row in cast("dict[str, object]", document).items():
        if symbol not in symbols:
            problems.append(f"`{symbol}` is not traded; known are {', '.join(symbols)}")
        elif not isinstance(row, dict):
            problems.append(f"`{symbol}`: `{row!r:.40}` is no object of features")
        else:
            found[symbol] = _features(symbol, cast("dict[str, object]", row), problems)
    if problems:
        raise FeaturesError(str(path), tuple(problems))
    return found


def _features(symbol: str, row: Mapping[str, object], problems: list[str]) -> dict[Feature, object]:
    found: dict[Feature, object] = {}
    for name, value in row.items():
        number = positive_units(value, 1)
        if name not in Feature.__members__.values():
            problems.append(f"`{symbol}`: there is no feature `{name}`; known are {', '.join(Feature)}")
        elif isinstance(number, NotANumber):
            problems.append(f"`{symbol}`: `{name}`: `{number.shown}` is no positive finite number")
        else:
            found[Feature(name)] = value
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found
