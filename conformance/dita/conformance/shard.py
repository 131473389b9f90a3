"""One shard of a campaign: so many runs from one seed, wherever a worker is, on the image and reference it was told."""

import platform
from pathlib import Path
from typing import Final, NamedTuple, Self

from dita.conformance.campaign_book import Subject
from dita.conformance.tasks import Task, TaskResult, run_task
from dita.conformance.under_test import open_image
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import installed_bindings

SHARD_RUNS: Final = 200  # a few seconds of work
SHARD_SECONDS: Final = 600
SHRINK_SECONDS: Final = 15


class OtherBuild(Exception):
    """A worker has another kernel image, spec or reference than the campaign is about."""

    def __init__(self, host: str, found: Subject, wanted: Subject) -> None:
        """Name the host and what differs."""
        differs = ", ".join(
            f"{name} is `{ours}` and not `{theirs}`"
            for name, ours, theirs in zip(Subject.__slots__, _words(found), _words(wanted), strict=True)
            if ours != theirs
        )
        super().__init__(f"worker on `{host}`: {differs}; build the same commit there")
        self.host = host
        self.found = found
        self.wanted = wanted

    def __reduce__(self) -> tuple[type[Self], tuple[str, Subject, Subject]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.host, self.found, self.wanted)


class Order(NamedTuple):
    """What a worker is told: the task, what it is about, and where the image is (None: where the build puts it)."""

    task: Task
    subject: Subject
    image: Path | None = None


def order_of(seed: int, runs: int, subject: Subject, image: Path | None, *, compiled: bool = False) -> Order:
    """The order for a shard, whose oracle may be the compiled reference."""
    task = Task("random", "campaign", "quick", seed, 0, 0, SHARD_SECONDS, SHRINK_SECONDS, runs, compiled)
    return Order(task, subject, image)


def run_shard(order: Order) -> TaskResult:
    """Carry out a shard in this process. Raises ImageRefused, OtherBuild, OracleRefused."""
    image = IMAGE_PATH if order.image is None else order.image
    found = Subject.of(installed_bindings(open_image(image)))
    if found != order.subject:
        raise OtherBuild(platform.node(), found, order.subject)
    return run_task(order.task, image)


def _words(subject: Subject) -> tuple[str, str, str]:
    return subject.image_sha256, subject.spec_sha256, subject.reference_sha256
