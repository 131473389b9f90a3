"""Keys of the account stream: given out, prolonged, expired (BingX, user data stream: 60 minutes)."""

import random

from dita.spec.scales import NANOSECONDS_PER_MILLISECOND


class ListenKeys:
    """Which key belongs to which account, and until when."""

    def __init__(self, life_ms: int, seed: int) -> None:
        self._life_ns = life_ms * NANOSECONDS_PER_MILLISECOND
        self._random = random.Random(f"listen keys {seed}")
        self._keys: dict[str, tuple[str, int]] = {}

    def create(self, account: str, now_ns: int, *, reuse: bool) -> str:
        """A key for the account; with ``reuse`` the one that is still alive, if any, prolonged."""
        if reuse:
            for key, (owner, due_ns) in self._keys.items():
                if owner == account and now_ns < due_ns:
                    self._keys[key] = (owner, now_ns + self._life_ns)
                    return key
        key = f"{self._random.getrandbits(256):064x}"
        self._keys[key] = (account, now_ns + self._life_ns)
        return key

    def extend(self, key: str, account: str, now_ns: int) -> bool:
        """Prolong a living key of that account; False if there is none."""
        if self.owner(key, now_ns) != account:
            return False
        self._keys[key] = (account, now_ns + self._life_ns)
        return True

    def delete(self, key: str, account: str, now_ns: int) -> bool:
        """Forget a living key of that account; False if there is none."""
        if self.owner(key, now_ns) != account:
            return False
        del self._keys[key]
        return True

    def forget(self, account: str) -> list[str]:
        """End every key of an account; returns them."""
        keys = [key for key, (owner, _) in self._keys.items() if owner == account]
        for key in keys:
            del self._keys[key]
        return keys

    def owner(self, key: str, now_ns: int) -> str | None:
        """The account behind a living key."""
        entry = self._keys.get(key)
        return entry[0] if entry is not None and now_ns < entry[1] else None

    def expire(self, now_ns: int) -> list[str]:
        """Forget the keys whose time is over and return them."""
        expired = [key for key, (_, due_ns) in self._keys.items() if due_ns <= now_ns]
        for key in expired:
            del self._keys[key]
        return expired

    def next_expiry_ns(self) -> int | None:
        """When the next key dies, or None."""
        return min((due_ns for _, due_ns in self._keys.values()), default=None)
