"""Credentials: read only from where nobody else can read them, and never shown."""

import os
from pathlib import Path

import pytest

from dita.adapters.bingx.credentials import (
    Credentials,
    CredentialsError,
    credentials_from_environment,
    credentials_from_file,
)

KEY = "simKey-0001"
SECRET = "simSecret_0123456789abcdefSIM"
CONTENT = f"# demo account\n\nBINGX_API_KEY={KEY}\nBINGX_API_SECRET={SECRET}\n"


def write(folder: Path, content: str = CONTENT, mode: int = 0o600) -> Path:
    path = folder / "bingx.credentials"
    path.write_text(content)
    path.chmod(mode)
    return path


def shown(credentials: Credentials) -> tuple[str, str]:
    return credentials.api_key.get_secret_value(), credentials.secret.get_secret_value()


def test_a_private_file_is_read(tmp_path: Path) -> None:
    """Mode 0600, our own, one line each: accepted."""
    assert shown(credentials_from_file(write(tmp_path))) == (KEY, SECRET)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o700, 0o400, 0o4600])
def test_any_other_mode_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    """Only 0600 will do, and the message says how to get there and nothing of the content."""
    with pytest.raises(CredentialsError, match="chmod 600") as caught:
        credentials_from_file(write(tmp_path, mode=mode))
    assert SECRET not in str(caught.value)


def test_a_link_a_folder_a_pipe_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    """Only a regular file counts, and not through a link that somebody else may move."""
    link = tmp_path / "link"
    link.symlink_to(write(tmp_path))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (link, tmp_path, pipe, tmp_path / "missing"):
        with pytest.raises(CredentialsError, match="credentials file"):
            credentials_from_file(path)


@pytest.mark.parametrize(
    "content",
    [
        f"BINGX_API_KEY={KEY}\n",
        f"BINGX_API_KEY={KEY}\nBINGX_API_SECRET=\n",
        f"{CONTENT}OTHER=1\n",
        f"{CONTENT}BINGX_API_KEY=again\n",
        "just some text\n",
        CONTENT + "#" * 5000,
        "BINGX_API_KEY=schlüssel\nBINGX_API_SECRET=x\n",
    ],
)
def test_a_file_that_is_not_exactly_the_two_lines_is_refused(tmp_path: Path, content: str) -> None:
    """Missing, empty, repeated, foreign or over-long content is refused without quoting a value."""
    with pytest.raises(CredentialsError) as caught:
        credentials_from_file(write(tmp_path, content))
    assert KEY not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_environment_must_hold_both() -> None:
    """Whatever is missing is named, both at once."""
    assert shown(credentials_from_environment({"BINGX_API_KEY": KEY, "BINGX_API_SECRET": SECRET})) == (KEY, SECRET)
    with pytest.raises(CredentialsError, match="BINGX_API_KEY, BINGX_API_SECRET"):
        credentials_from_environment({})
    with pytest.raises(CredentialsError, match="BINGX_API_SECRET: empty or not plain"):
        credentials_from_environment({"BINGX_API_KEY": KEY, "BINGX_API_SECRET": " x"})


def test_no_repr_or_text_shows_them() -> None:
    """Neither repr, str, format nor an f-string of the object or its fields shows key or secret."""
    credentials = credentials_from_environment({"BINGX_API_KEY": KEY, "BINGX_API_SECRET": SECRET})
    for text in (repr(credentials), str(credentials), f"{credentials.secret} {credentials.api_key!r}"):
        assert KEY not in text
        assert SECRET not in text
