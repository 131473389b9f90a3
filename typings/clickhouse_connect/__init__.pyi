from typing import Any

def get_client(
    *,
    host: str | None = None,
    username: str | None = None,
    password: str = "",
    database: str | None = None,
    interface: str | None = None,
    port: int = 0,
    secure: bool | str = False,
    **kwargs: Any,
) -> Any: ...
