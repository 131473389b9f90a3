"""A plug-in for pytest, loaded in a scratch copy: what became of each test, and the processor time that it took.

``pytest -p dita.runtime.audit.stopwatch`` writes a line of JSON a test into the file that ``AUDIT_TESTS_FILE`` names.
"""

import json
import os
import resource
import time
from pathlib import Path
from typing import Any, Final

TOLD_MAX: Final = 1_200  # characters of a failure that are kept
VARIABLE: Final = "AUDIT_TESTS_FILE"  # not DITA_: no setting of the product
_began: dict[str, float] = {}
_told: dict[str, dict[str, Any]] = {}


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def pytest_runtest_logstart(nodeid: str) -> None:
    """A test begins."""
    _began[nodeid] = _processor_seconds()


def pytest_runtest_logreport(report: Any) -> None:
    """One phase of a test is over: set-up, call or tear-down."""
    row = _told.setdefault(report.nodeid, {"test": report.nodeid, "failed": "", "says": "", "seconds": 0.0})
    row["seconds"] = _processor_seconds() - _began.get(report.nodeid, 0.0)
    if report.failed and not row["failed"]:
        crash = getattr(report.longrepr, "reprcrash", None)
        text = report.longreprtext if crash is None else f"{crash.message}\n{report.longreprtext[-TOLD_MAX:]}"
        row |= {"failed": report.when, "says": text[: 2 * TOLD_MAX]}


def pytest_sessionfinish() -> None:
    """All is over: write it down."""
    Path(os.environ[VARIABLE]).write_text("".join(f"{json.dumps(row)}\n" for row in _told.values()), encoding="utf-8")
