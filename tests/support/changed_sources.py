"""A source file of the repository with something else in it, for trials of mutants."""

from pathlib import Path


def changed(repository: Path, path: str, old: str, new: str) -> dict[str, bytes]:
    """A file of the repository with one piece of text replaced, which must stand there once."""
    source = (repository / path).read_text(encoding="utf-8")
    assert source.count(old) == 1, (path, old)
    return {path: source.replace(old, new).encode()}
