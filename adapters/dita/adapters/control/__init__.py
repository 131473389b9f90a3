"""Commands to a running session, from other processes of its user, each answered with what came of it.

A socket beside the plane, in the same folder: Linux lets in whom the folder's and the socket's modes let in, queues who
comes at once, tells who it was, and tells the other side when one of them dies. Memory that many may write tells none
of that. Start at ``messages``.
"""

from dita.adapters.control.client import ask
from dita.adapters.control.messages import (
    Answer,
    Command,
    Condition,
    ControlError,
    ControlRefused,
    ControlSilent,
    NobodyThere,
    Reply,
    Request,
)
from dita.adapters.control.server import ControlServer

__all__ = [
    "Answer",
    "Command",
    "Condition",
    "ControlError",
    "ControlRefused",
    "ControlServer",
    "ControlSilent",
    "NobodyThere",
    "Reply",
    "Request",
    "ask",
]
