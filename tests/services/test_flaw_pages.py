"""The audit's pages in a browser: nothing is missing, nothing is asked of anybody, and a phone can show them.

Needs Debian's `chromium`.
"""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from dita.runtime.audit.judging import audit
from dita.runtime.audit.pages import write_site
from dita.spec.flaws import catalogue
from hostile_driver import tool

SHOWN = ("index.html", "S02.html", "V9.html")  # the matrix, a flaw with a drawn trace, and one with none
PHONE = 375  # in pixels of a style sheet
WIDE = re.compile(r'data-wide="(\d+) of (\d+)"')


class Loaded(NamedTuple):
    """A page as the browser has it in the end, and what it said to its console."""

    document: str
    console: list[str]


def loaded(page: Path, folder: Path) -> Loaded:
    """Load a page without a window."""
    program = tool("chromium", "install the package chromium, or run `make test-services` as root")
    done = subprocess.run(
        [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--log-level=0",
            f"--user-data-dir={folder / 'browser'}", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    return Loaded(done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages."""
    return write_site(audit(), tmp_path_factory.mktemp("flaws")).parent


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_loads_whole_and_silently(site: Path, tmp_path: Path, name: str) -> None:
    """No word on the console, where what its policy forbids or a script does wrong is told; every link leads."""
    page = loaded(site / name, tmp_path)
    assert page.console == []
    links = [link for link in re.findall(r'href="([^"#]+)"', page.document) if link != "data:,"]
    assert links
    assert [link for link in links if not (site / link).is_file()] == []


def test_the_index_has_a_row_a_flaw_in_the_browser(site: Path, tmp_path: Path) -> None:
    """As many as the catalogue has, after the browser has mended what it could not read."""
    document = loaded(site / "index.html", tmp_path).document
    assert document.count('<td class="side">') == len(catalogue())


def wide(page: Path, folder: Path) -> tuple[int, int]:
    """How wide the page is on a phone, and how wide the phone: in a frame, for no window is so narrow."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", text)  # a script measures, which no page of ours has
    script = (
        "<script>addEventListener('load', () => { const all = document.documentElement;"
        " parent.postMessage(`${all.scrollWidth} of ${all.clientWidth}`, '*'); });</script></body>"
    )
    (folder / "measured.html").write_text(text.replace("</body>", script), encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(
        "<body><script>addEventListener('message', (event) => { document.body.dataset.wide = event.data; });</script>"
        f"<iframe width={PHONE} height=800 src='measured.html'></iframe></body>"
    )
    found = WIDE.search(loaded(frame, folder).document)
    assert found is not None
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("name", SHOWN)
def test_a_phone_needs_not_be_moved_sideways(site: Path, tmp_path: Path, name: str) -> None:
    """What is wider than the screen scrolls by itself: the page as a whole is as wide as the phone."""
    page, phone = wide(site / name, tmp_path)
    assert page <= phone <= PHONE


def test_a_page_that_is_too_wide_for_a_phone_is_told(tmp_path: Path) -> None:
    """What does not break, and does not scroll by itself either."""
    page = tmp_path / "page.html"
    page.write_text(f"<body>{'x' * 200}</body>")
    width, phone = wide(page, tmp_path)
    assert width > phone


def test_what_a_page_may_not_do_is_told(tmp_path: Path) -> None:
    """What makes a page red: an image that its policy forbids, and a script that fails."""
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; script-src 'unsafe-inline'\">"
    page = tmp_path / "page.html"
    page.write_text(f"{policy}<img src='data:,'><script>throw new Error('planted')</script>")
    console = "\n".join(loaded(page, tmp_path).console)
    assert "violates the following Content Security Policy" in console
    assert "planted" in console
