"""Defects put back into the reference are found in the composed system, by the composed properties alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEFECTS = sorted((Path(__file__).parents[2] / "conformance" / "defects").glob("explore_*.patch"))

SEARCH = """
import json, sys
import dita.reference
from dita.conformance.explore.composition import Composition
from dita.conformance.explore.search import explored
from dita.conformance.explore.system import Setting
found = explored(Composition(Setting("planted", **json.loads(sys.argv[1]))))
verdict = found.broken or ("STRANDED" if found.stranded else "nothing")
print(json.dumps({"reference": dita.reference.__file__, "verdict": verdict, "steps": len(found.trace)}))
"""


def header(patch: Path, name: str) -> str:
    """One named line from above the patch."""
    return next(line.removeprefix(f"{name}: ") for line in patch.read_text().splitlines() if line.startswith(name))


@pytest.mark.parametrize("patch", DEFECTS, ids=lambda patch: patch.stem)
def test_a_defect_of_the_reference_is_found(patch: Path, repository: Path, tmp_path: Path) -> None:
    """The patch applies to a scratch copy, the search runs on that copy, and finds what the patch says it will."""
    shutil.copytree(
        repository / "reference_py", tmp_path / "reference_py", ignore=shutil.ignore_patterns("__pycache__")
    )
    alone = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    subprocess.run(["git", "apply", str(patch)], cwd=tmp_path, env=alone, check=True, timeout=60)
    planted = {**os.environ, "PYTHONPATH": str(tmp_path / "reference_py"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", SEARCH, header(patch, "world")]
    run = subprocess.run(command, env=planted, check=True, capture_output=True, text=True, timeout=110)
    found = json.loads(run.stdout)

    assert Path(found["reference"]).is_relative_to(tmp_path)
    assert found["verdict"].startswith(header(patch, "seen as"))
    assert found["steps"] > 0


def test_there_are_defects() -> None:
    """The folder has not been emptied: each property has a defect that breaks it."""
    assert {header(patch, "seen as") for patch in DEFECTS} == {
        "ABANDONED", "BOOKS", "DOUBLE", "ORPHAN", "PHANTOM", "STRANDED"
    }  # fmt: skip
