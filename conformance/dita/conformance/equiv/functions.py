"""The kernel's functions by their names, as far as the text of its sources tells."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

FUNCTION: Final = re.compile(
    r"^(?P<indent> *)(?:pub(?:\(\w+\))? )?(?:const )?(?:unsafe )?(?:extern \"C\" )?fn (?P<name>\w+)", re.MULTILINE
)
COMMENT: Final = re.compile(r"//.*")
MENTIONED: Final = re.compile(r"\b(\w+)(?:::<[^>]*>)?[(),]")
"""Called, or handed on to be called."""


def functions_changed(path: Path, content: bytes) -> set[str]:
    """The functions of this file that have another text, by their names. Raises OSError."""
    before, after = (functions_of(text) for text in (path.read_text(encoding="utf-8"), content.decode()))
    return {name for name in before | after if before.get(name) != after.get(name)}


def functions_of(text: str) -> dict[str, str]:
    """Every function's text without comments, by its name, as rustfmt writes it; what is in none is under "".

    A name that a file has twice has both texts.
    """
    bare = COMMENT.sub("", text)
    texts, outside = {"": ""}, 0
    for found in FUNCTION.finditer(bare):
        end = bare.find(f"\n{found.group('indent')}}}", found.end())
        end = len(bare) if end < 0 else end
        texts[found["name"]] = texts.get(found["name"], "") + bare[found.start() : end]
        texts[""] += bare[outside : found.start()]
        outside = max(outside, end)
    return {**texts, "": texts[""] + bare[outside:]}


def coming_to(functions: Collection[str], texts: Mapping[str, str]) -> set[str]:
    """These, and whoever mentions one that comes to them: rather too many than too few."""
    mentioned = {name: set(MENTIONED.findall(text)) for name, text in texts.items()}
    coming = set(functions)
    while more := {name for name, others in mentioned.items() if name not in coming and others & coming}:
        coming |= more
    return coming
