"""What SQLite's write-ahead log holds beyond what SQLite takes from it.

SQLite reads the log up to the first frame whose checksum is wrong and forgets the rest without a word. That is right
for a transaction that was being written when the power went, and it hides a damaged disk. So the whole transactions in
the file are counted here, by their frames' headers, to be compared with what SQLite took. The format is SQLite's own:
https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">8I")  # magic, format, page size, checkpoints, two salts, two checksums
_FRAME: Final = struct.Struct(">6I")  # page, pages after commit (0: no commit), two salts, two checksums
_MAGIC: Final = (0x377F0682, 0x377F0683)
_PAGE_BYTES: Final = 4096  # SQLite's default, which no journal changes
_MASK: Final = 2**32 - 1


def log_path(path: Path) -> Path:
    """The write-ahead log of a database."""
    return Path(f"{path}-wal")


def commit_frames(content: bytes) -> list[int]:
    """Numbers, from 1, of the frames that end a transaction of the log's present generation, sound or not."""
    if len(content) < _HEADER.size + _FRAME.size:
        return []
    _, _, page_bytes, _, *salts, _, _ = _HEADER.unpack_from(content)
    if not _is_sound(content):  # then SQLite takes nothing at all; what the first frame belongs to is what was there
        page_bytes = _PAGE_BYTES
        _, _, *salts, _, _ = _FRAME.unpack_from(content, _HEADER.size)
    found: list[int] = []
    step = _FRAME.size + page_bytes
    for number, at in enumerate(range(_HEADER.size, len(content) - _FRAME.size + 1, step), 1):
        _, pages, *own, _, _ = _FRAME.unpack_from(content, at)
        if own != salts:
            break
        if pages:
            found.append(number)
    return found


def _is_sound(content: bytes) -> bool:
    """Whether the log's header has the checksum that it states."""
    magic, _, page_bytes, *_, stated_one, stated_two = _HEADER.unpack_from(content)
    words = struct.unpack_from((">" if magic & 1 else "<") + "6I", content)
    one = two = 0
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & _MASK
        two = (two + second + one) & _MASK
    return magic in _MAGIC and page_bytes == _PAGE_BYTES and (one, two) == (stated_one, stated_two)
