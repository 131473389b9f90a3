"""What can be wrong with a journal, each by its own name and with the next step.

``translated`` is the only place that knows SQLite's error classes.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Self

import apsw


class JournalError(Exception):
    """The journal cannot be used. ``path`` names it; the message says why and what to do."""

    def __init__(self, path: str, reason: str, next_step: str) -> None:
        super().__init__(f"journal `{path}`: {reason}; {next_step}")
        self.path = path
        self.reason = reason
        self.next_step = next_step

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.path, self.reason, self.next_step)


class JournalLocked(JournalError):
    """Another process is writing this journal."""


class JournalFenced(JournalError):
    """Another process became the writer of this journal after this one; this one may neither write nor send."""


class AccountInUse(JournalError):
    """Another process on this machine trades this account, with whatever journal."""


class JournalMissing(JournalError):
    """There is no such file."""


class JournalFull(JournalError):
    """The disk, the quota or the file's largest size is used up."""


class JournalReadOnly(JournalError):
    """The file or its folder cannot be written by this user."""


class JournalUnwritable(JournalError):
    """The disk answered with an error."""


class JournalCorrupt(JournalError):
    """The file is not a database, is damaged, or lacks a row."""


class JournalForeign(JournalError):
    """A sound file, but not this journal: other program, other version, other account."""


@contextmanager
def translated(path: str) -> Generator[None]:
    """Raise the journal's own errors for SQLite's."""
    try:
        yield
    except apsw.FullError as error:
        raise JournalFull(path, "no space is left to write it", "free disk space, then start again") from error
    except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError, apsw.CantOpenError) as error:
        raise JournalReadOnly(
            path, "it cannot be opened for writing", "check the folder and its permissions"
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise JournalLocked(path, "another program holds its database", "end that program, then start again") from error
    except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
        raise JournalCorrupt(
            path, "it is damaged or not a journal", "keep the file for analysis and restore it from a copy"
        ) from error
    except apsw.IOError as error:
        raise JournalUnwritable(
            path, f"the disk failed ({error})", "check the disk and its limits, then start again"
        ) from error
    except (apsw.SQLError, apsw.SchemaChangeError, apsw.MismatchError, apsw.ConstraintError) as error:
        raise JournalCorrupt(
            path, f"its tables are not a journal's ({error})", "name the right file or restore it from a copy"
        ) from error
