"""The journal: every input that changed something, durable before its commands are carried out, replayable for ever.

Start at ``schema`` (the tables) and ``store`` (the SQL), then ``commit`` (who runs it), then ``journal`` (both
together, and the locks); ``mending`` opens a file that is not as it was left.
"""

from dita.adapters.journal.commit import GROUP_MAX, AtOnce, Commit, GroupedCommit, InlineCommit, ThreadCommit
from dita.adapters.journal.errors import (
    AccountInUse,
    JournalCorrupt,
    JournalError,
    JournalFenced,
    JournalForeign,
    JournalFull,
    JournalLocked,
    JournalMissing,
    JournalReadOnly,
    JournalUnwritable,
)
from dita.adapters.journal.journal import Journal, JournalReader, open_journal, open_reader
from dita.adapters.journal.locks import AccountLock, Holder, is_held, read_lease
from dita.adapters.journal.records import (
    ACCOUNT_NOTES,
    NOTHING_MENDED,
    Entry,
    JournalMeta,
    Mended,
    Note,
    PackedRow,
    Row,
    Snapshot,
)
from dita.adapters.journal.store import checked_note
from dita.adapters.journal.switch import Switch, SwitchTo, clear_switch, read_switch, set_switch
from dita.adapters.journal.tags import make_tag

__all__ = [
    "ACCOUNT_NOTES",
    "GROUP_MAX",
    "NOTHING_MENDED",
    "AccountInUse",
    "AccountLock",
    "AtOnce",
    "Commit",
    "Entry",
    "GroupedCommit",
    "Holder",
    "InlineCommit",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalFenced",
    "JournalForeign",
    "JournalFull",
    "JournalLocked",
    "JournalMeta",
    "JournalMissing",
    "JournalReadOnly",
    "JournalReader",
    "JournalUnwritable",
    "Mended",
    "Note",
    "PackedRow",
    "Row",
    "Snapshot",
    "Switch",
    "SwitchTo",
    "ThreadCommit",
    "checked_note",
    "clear_switch",
    "is_held",
    "make_tag",
    "open_journal",
    "open_reader",
    "read_lease",
    "read_switch",
    "set_switch",
]
