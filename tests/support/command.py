"""The command ``dita`` in a process of its own, as a person calls it."""

import os
import subprocess
import sys
from pathlib import Path

DITA = [sys.executable, "-c", "from dita.runtime.cli import main; main()"]


def alone(folder: Path, **environment: str) -> dict[str, str]:
    """An environment with nothing of our settings but what is given.

    A measurement of coverage goes on in it, and so does the use of a scratch copy's packages.
    """
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_") or name == "PYTHONPATH"}
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "200", **kept, **environment}


def dita(folder: Path, *arguments: str, seconds: int = 110, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with nothing of our settings but what is given."""
    return subprocess.run(
        [*DITA, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=seconds,
        env=alone(folder, **environment),
    )  # fmt: skip
