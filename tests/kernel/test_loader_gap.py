"""Between check and load there is no gap: whenever the file is exchanged, what is mapped is what was hashed.

A tracer exchanges the file before each line of the loader's own code in turn. The judge reads the mapped memory itself.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from dita.conformance.defects import Defect, defects, planted, run_python
from dita.kernel.image import IMAGE_PATH

PLANTED = [one for one in defects() if one.name.startswith("loader-")]

GAP = r"""
import hashlib, os, re, struct, sys
from itertools import count
from pathlib import Path
from dita.kernel import image as under_test

good = Path(sys.argv[1]).read_bytes()
evil = good + b"\0"  # another binary, which loads as well
path = Path(sys.argv[2])


class Exchanged:
    # Puts other content at the path before the nth line of the code under test.

    def __init__(self, n, content):
        self.left, self.content = n, content

    def __call__(self, frame, event, _):
        if frame.f_code.co_filename != under_test.__file__:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                path.write_bytes(self.content)
        return self


def constant_offsets(content):
    # Where in the file the segments begin that nobody writes to, the dynamic linker included (ELF program headers).
    table, size, count = *struct.unpack_from("<Q", content, 0x20), *struct.unpack_from("<HH", content, 0x36)
    for at in range(table, table + size * count, size):
        kind, flags, offset = struct.unpack_from("<IIQ", content, at)
        if kind == 1 and not flags & 2:
            yield offset & -4096


def mapped(sealed):
    # How many constant pieces of the sealed copy are in this process's memory, each byte for byte as it was hashed.
    inode = os.fstat(sealed.descriptor).st_ino
    constant = set(constant_offsets(os.pread(sealed.descriptor, 4096, 0)))
    pieces = 0
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            begin, end, offset, found = re.match(r"(\w+)-(\w+) \S+ (\w+) \S+ (\d+)", line).groups()
            if int(found) != inode or int(offset, 16) not in constant:
                continue
            memory.seek(int(begin, 16))
            have = memory.read(int(end, 16) - int(begin, 16))
            want = os.pread(sealed.descriptor, len(have), int(offset, 16))
            assert have[:len(want)] == want and not any(have[len(want):])
            pieces += 1
    return pieces


def moments_of(before, after):
    # At each moment in turn: was the image refused, or loaded and right?
    for moment in count(1):
        path.write_bytes(before)
        exchange = Exchanged(moment, after)
        sys.settrace(exchange)
        try:
            sealed = under_test.seal(path)
            held = sealed.sha256 == hashlib.sha256(good).hexdigest()  # the comparison with the certificate
            module = under_test.map_image(sealed) if held else None
        finally:
            sys.settrace(None)
        if exchange.left > 0:
            return  # there are no more lines
        if held:
            assert os.pread(sealed.descriptor, len(evil), 0) == good, f"moment {moment}: not the bytes hashed"
            assert mapped(sealed) >= 3, f"moment {moment}: not mapped from the sealed copy"
        yield held


found = [held for pair in ((good, evil), (evil, good)) for held in moments_of(*pair)]
print("moments", len(found), "loaded", found.count(True), "refused", found.count(False))
"""


def run_gap(folder: Path) -> subprocess.CompletedProcess[str]:
    """Exchange the file at every moment, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", GAP, str(IMAGE_PATH), str(folder / "kernel.image")],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_what_is_mapped_is_what_was_hashed_whenever_the_file_is_exchanged(tmp_path: Path) -> None:
    """At every one of dozens of moments: refused, or the sealed copy of the good file is what runs. Both occur."""
    done = run_gap(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    _, moments, _, loaded, _, refused = done.stdout.split()
    assert int(moments) >= 50
    assert int(loaded) >= 20
    assert int(refused) >= 4


@pytest.mark.parametrize(
    "defect", [one for one in defects() if one.name.startswith("loader-")], ids=lambda one: one.name
)
def test_a_gap_that_is_planted_is_found(defect: Defect, tmp_path: Path) -> None:
    """A loader that hashes the file instead of its sealed copy, or maps the file, is caught at some moment."""
    with planted(defect) as tree:
        done = run_python(tree, ["-c", GAP, str(IMAGE_PATH), str(tmp_path / "kernel.image")], seconds=100)

    assert done.returncode != 0
    assert "AssertionError: moment" in done.stderr


def test_both_gaps_are_planted() -> None:
    """The two ways to leave a gap stay planted."""
    assert {one.name for one in PLANTED} == {"loader-hashes-the-file", "loader-maps-the-file"}
