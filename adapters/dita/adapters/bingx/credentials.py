"""API key and secret, held so that no repr, log line or exception shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from dita.adapters.private_file import PrivateFileError, read_private

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
    try:
        content = read_private(path, "credentials file", _FILE_BYTES_MAX)
    except PrivateFileError as refused:
        raise CredentialsError(str(refused)) from None
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
