"""How much hypothesis does: profile ``commit``, or with ``pytest --hypothesis-profile=campaign`` profile ``campaign``.

Profiles are sizes; every test runs under both. What is drawn rotates with the commit: the seed comes from its hash.
"""

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from dita.conformance.defects import run_python

T = TypeVar("T")

COMMIT: Final = settings(max_examples=100, stateful_step_count=40, deadline=None, print_blob=True)
CAMPAIGN: Final = settings(COMMIT, max_examples=5_000, stateful_step_count=80)
CAMPAIGN_SECONDS: Final = 4 * 3600


def register() -> None:
    """Make both profiles known and take the smaller; an option of the command line may take the other afterwards."""
    settings.register_profile("commit", COMMIT)
    settings.register_profile("campaign", CAMPAIGN)
    settings.load_profile("commit")


def is_campaign() -> bool:
    """Whether the large profile was asked for."""
    return settings().max_examples >= CAMPAIGN.max_examples


def seconds(at_commit: int) -> int:
    """How long a test may take: so many seconds at profile commit, hours in a campaign."""
    return CAMPAIGN_SECONDS if is_campaign() else at_commit


def commit_hash() -> str:
    """The hash of the commit under test. Raises CalledProcessError outside a clone."""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit_seed() -> int:
    """A number that changes with the commit."""
    return int(commit_hash()[:8], 16)


def rotating(choices: Sequence[T], count: int, number: int) -> list[T]:
    """So many of the choices, in their order, drawn by the number; all of them in a campaign."""
    if is_campaign() or count >= len(choices):
        return list(choices)
    chosen = random.Random(number).sample(range(len(choices)), count)
    return [choices[index] for index in sorted(chosen)]


def run_machine(machine: type[RuleBasedStateMachine], share: float = 1.0) -> None:
    """Run a machine at the current profile (or a share of its examples), seeded by the commit. Raises what it finds."""
    number = commit_seed()
    sys.stdout.write(f"seed {number}, from commit {commit_hash()}\n")  # pytest shows it when the test fails
    chosen = settings(
        max_examples=max(1, int(settings().max_examples * share)), database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )  # fmt: skip
    run_state_machine_as_test(seed(number)(machine), settings=chosen)


def hunt_in(tree: Path, machine: str, *, number: int, examples: int) -> tuple[int | None, str]:
    """After how many examples a machine finds something in the reference of a scratch tree, and what it says.

    The machine runs in a process of its own (``machine_hunt``), at forty rules an example, whatever the profile.
    """
    hunter = Path(__file__).with_name("machine_hunt.py")
    done = run_python(tree, [str(hunter), machine, str(number), str(examples), "40"], seconds=400)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["reference"]).is_relative_to(tree)
    return told["found_after"], told["problem"]
