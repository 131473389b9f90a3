"""What a check says, and how far the stage it is for can live with it."""

from enum import Enum, StrEnum
from typing import NamedTuple


class Health(Enum):
    """How a check ended. WARN: the stage can begin, and a person should know. FAIL: it must not begin."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Stage(StrEnum):
    """How real it is."""

    PAPER = "paper"  # an exchange simulator, in this process or beside it
    VST = "vst"  # the venue's demo account
    LIVE = "live"  # money


class Check(NamedTuple):
    """One check: what it found, and what to do next."""

    name: str
    health: Health
    found: str
    next_step: str = ""


def fatal_from(stage: Stage, least: Stage) -> Health:
    """FAIL at ``least`` and every stage behind it, WARN before."""
    stages = list(Stage)
    return Health.FAIL if stages.index(stage) >= stages.index(least) else Health.WARN
