"""The journal: every input that changed something, durable before its commands are carried out, replayable for ever.

Start at ``store`` (the SQL), then ``commit`` (who runs it), then ``journal`` (both together, and the locks).
"""

from dita.adapters.journal.commit import Commit, InlineCommit, ThreadCommit
from dita.adapters.journal.errors import (
    AccountInUse,
    JournalCorrupt,
    JournalError,
    JournalForeign,
    JournalFull,
    JournalLocked,
    JournalMissing,
    JournalReadOnly,
    JournalUnwritable,
)
from dita.adapters.journal.journal import Journal, JournalReader, open_journal, open_reader
from dita.adapters.journal.locks import AccountLock
from dita.adapters.journal.records import Entry, JournalMeta, Note, Row
from dita.adapters.journal.tags import make_tag

__all__ = [
    "AccountInUse",
    "AccountLock",
    "Commit",
    "Entry",
    "InlineCommit",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalForeign",
    "JournalFull",
    "JournalLocked",
    "JournalMeta",
    "JournalMissing",
    "JournalReadOnly",
    "JournalReader",
    "JournalUnwritable",
    "Note",
    "Row",
    "ThreadCommit",
    "make_tag",
    "open_journal",
    "open_reader",
]
