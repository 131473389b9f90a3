"""API key and secret, held so that no repr, log line or exception shows them."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

KEY_NAME: Final = "BINGX_API_KEY"
SECRET_NAME: Final = "BINGX_API_SECRET"  # noqa: S105 - the name of the variable, not what it holds
_FILE_BYTES_MAX: Final = 4096


class CredentialsError(ValueError):
    """The credentials cannot be used; the message says why and what to do, and never what they are."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key and its secret."""

    api_key: SecretStr
    secret: SecretStr

    def __post_init__(self) -> None:
        for name, value in ((KEY_NAME, self.api_key), (SECRET_NAME, self.secret)):
            text = value.get_secret_value()
            if not text or not text.isascii() or not text.isprintable() or text != text.strip():
                raise CredentialsError(f"{name}: empty or not plain text; copy it again from the venue's page")


def credentials_from_environment(environment: Mapping[str, str]) -> Credentials:
    """Read BINGX_API_KEY and BINGX_API_SECRET. Raises CredentialsError that names whatever is missing."""
    missing = [name for name in (KEY_NAME, SECRET_NAME) if not environment.get(name)]
    if missing:
        raise CredentialsError(f"{', '.join(missing)}: not set; export both, or give a credentials file")
    return Credentials(SecretStr(environment[KEY_NAME]), SecretStr(environment[SECRET_NAME]))


def credentials_from_file(path: Path) -> Credentials:
    """Read ``NAME=value`` lines from a regular file of mode 0600 that belongs to us. Raises CredentialsError."""
    content = _private_content(path)
    if len(content) > _FILE_BYTES_MAX:
        raise CredentialsError(f"credentials file: `{path}` is larger than {_FILE_BYTES_MAX} bytes")
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise CredentialsError(f"credentials file: `{path}` is not plain text") from None
    values: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or name.strip() not in (KEY_NAME, SECRET_NAME) or name.strip() in values:
            wanted = f"one each of {KEY_NAME}=… and {SECRET_NAME}=…"
            raise CredentialsError(f"credentials file: line {number} of `{path}` is not expected; write {wanted}")
        values[name.strip()] = value.strip()
    return credentials_from_environment(values)


def _private_content(path: Path) -> bytes:
    try:
        # The mode is read from the descriptor we read from, so that nobody can swap the file in between.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise CredentialsError(f"credentials file: `{path}` cannot be opened ({error.strerror})") from None
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise CredentialsError(f"credentials file: `{path}` is not a regular file")
        if info.st_uid != os.getuid():
            raise CredentialsError(f"credentials file: `{path}` belongs to somebody else; make your own copy")
        mode = stat.S_IMODE(info.st_mode)
        if mode != 0o600:
            raise CredentialsError(f"credentials file: `{path}` has mode `{mode:04o}`; run chmod 600 on it")
        return os.read(descriptor, _FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
