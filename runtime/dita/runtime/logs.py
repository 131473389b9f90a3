"""The log of a session: one line a record, as text or as JSON, without secrets, written by a thread of its own.

Whoever logs puts a record into a bounded queue and goes on; when the disk does not keep up, records are dropped and
counted. A line is made, and its secrets are taken out, as the last thing before it is written: whatever a record,
its arguments or its traceback held.
"""

import json
import logging
import queue
import time
from collections.abc import Generator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Final, Literal, final

from dita.runtime.redaction import Redactor

SECRETS: Final = Redactor()
"""What no line may hold; whoever reads a secret has it hidden."""
FIELDS: Final = "fields"  # the attribute of a record that carries what a JSON line says beside the text
_BYTES_MAX: Final = 4 * 1024 * 1024
_QUEUED_MAX: Final = 10_000
_END_SECONDS: Final = 5.0


@final
class LineFormatter(logging.Formatter):
    """One line, redacted."""

    def __init__(self, form: Literal["text", "json"], redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._form = form
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        if self._form == "text":
            line = super().format(record)
            return self._redactor(line.replace("\r", "\\r").replace("\n", "\\n"))
        document: dict[str, object] = {
            "time_ns": int(record.created * 1e9),
            "level": record.levelname,
            "logger": record.name,
            "text": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        # Before it is JSON: what is cut out of JSON need not leave any.
        shown = {
            name: value if isinstance(value, int) else self._redactor(str(value)) for name, value in document.items()
        }
        return json.dumps(shown)


@final
class BoundedQueueHandler(QueueHandler):
    """Hands a record over as it is, and never waits."""

    def __init__(self, records: "queue.Queue[logging.LogRecord]") -> None:
        super().__init__(records)
        self.dropped = 0
        self._records = records

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The text is made now, for what it is made from may change; the rest is kept."""
        record.msg, record.args = record.getMessage(), None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """See the class."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    @property
    def is_written(self) -> bool:
        """Whether nothing is left to write."""
        return self._records.unfinished_tasks == 0


DROPPED: Final[list[BoundedQueueHandler]] = []
"""The handlers of this process, for whoever counts what they dropped."""


def write_last_words() -> None:
    """Wait until all that was logged is in its file, for a bounded time: for whoever kills the process next."""
    until = time.monotonic() + _END_SECONDS
    for handler in DROPPED:
        while not handler.is_written and time.monotonic() < until:
            time.sleep(0.01)


def dropped() -> int:
    """Records of this process that no log has."""
    return sum(handler.dropped for handler in DROPPED)


@contextmanager
def logging_to(out: Path, form: Literal["text", "json"]) -> Generator[Path]:
    """Have what DITA logs written to ``session.log`` in a folder; at the end all of it is. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "session.log"
    file = RotatingFileHandler(path, maxBytes=_BYTES_MAX, backupCount=1, encoding="utf-8", errors="backslashreplace")
    file.setFormatter(LineFormatter(form, SECRETS))
    records: queue.Queue[logging.LogRecord] = queue.Queue(_QUEUED_MAX)
    handler = BoundedQueueHandler(records)
    listener = QueueListener(records, file)
    logger = logging.getLogger("dita")
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False
    DROPPED.append(handler)
    listener.start()
    try:
        yield path
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        until = time.monotonic() + _END_SECONDS
        while not records.empty() and time.monotonic() < until:
            time.sleep(0.01)
        if records.empty():  # else the disk does not answer, and nobody may wait for it for ever
            listener.stop()
            file.close()
