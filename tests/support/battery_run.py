"""Plays scenarios of the battery and shows what is not as expected: ``python battery_run.py [--update] [NAME …]``.

Without names all of them. ``--update`` writes what came into the files: commit only what you can explain. Ends with
status 1 when something differed or was found, 0 otherwise.
"""

import argparse
import difflib
import sys
import tempfile
from pathlib import Path
from typing import Final

from battery import Played, play
from battery_text import Script, read_script
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import CertifiedKernel, installed_bindings, load_certified, load_for_conformance
from sample_certificate import written_certificate

FOLDER: Final = Path(__file__).parents[1] / "scenarios" / "battery"


def script_of(path: Path) -> Script:
    """One file."""
    return read_script(path.stem, path.read_text(encoding="utf-8"))


def paths_of(names: list[str]) -> list[Path]:
    """The files of these names, all if there are none. Raises FileNotFoundError."""
    return [FOLDER / f"{name}.txt" for name in names] if names else sorted(FOLDER.glob("*.txt"))


def difference(path: Path, played: Played) -> str:
    """What came against what is written, as a unified diff; empty when they are equal."""
    written = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(difflib.unified_diff(written, played.script.text.splitlines(), path.name, "played", lineterm=""))


def certified(folder: Path) -> CertifiedKernel:
    """The built image, with a sample certificate."""
    return load_certified(written_certificate(folder, installed_bindings(load_for_conformance(IMAGE_PATH))))


def main(arguments: list[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="play scenarios of the battery")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--update", action="store_true", help="write what came into the files")
    options = parser.parse_args(arguments)
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        kernel = certified(Path(folder) / "certificate")
        for path in paths_of(options.names):
            played = play(script_of(path), kernel)
            shown = [*played.found, difference(path, played)]
            if any(shown):
                status = 1
                sys.stdout.write(f"{path.stem}\n{chr(10).join(filter(None, shown))}\n")
            if options.update:
                path.write_text(played.script.text, encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
