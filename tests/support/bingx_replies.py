"""A venue without sockets: every exchange is answered from a list, and all of the adapter above it is real."""

# ruff: noqa: ARG002 - the method is the transport's

import json
from collections import deque
from collections.abc import Mapping
from random import Random

from bingx_venue import StepClock, credentials, hosts
from dita.adapters.bingx.api import Api
from dita.adapters.bingx.clock import ClockOffset
from dita.adapters.bingx.endpoints import Endpoint
from dita.adapters.bingx.limiter import Rank
from dita.adapters.bingx.rest import BingxRest
from dita.adapters.bingx.transport import Failure, Reply, Transport

Said = str | bytes | Mapping[str, object] | list[object] | Failure | tuple[int, object]


class ScriptedTransport(Transport):
    """Answers in turn (the last answer for ever): a body for status 200, a pair of status and body, or a failure."""

    def __init__(self, *answers: Said, clock: StepClock | None = None) -> None:
        super().__init__(credentials(), clock or StepClock())
        self.answers = deque(answers)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.ranks: list[Rank] = []

    async def exchange(
        self, base_url: str, endpoint: Endpoint, parameters: Mapping[str, str], *, rank: Rank = Rank.OPENING,
        send_by_ns: int | None = None, age_ns: int = 0,
    ) -> Reply | Failure:  # fmt: skip
        """The next answer."""
        self.ranks.append(rank)
        self.asked.append((endpoint.method, endpoint.path, dict(parameters)))
        said = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, Failure):
            return said
        status, body = said if isinstance(said, tuple) else (200, said)
        now_ns = self.clock.wall_ns()
        return Reply(status, wire_bytes(body), {}, now_ns, now_ns, now_ns // 10**6)


def wire_bytes(body: object) -> bytes:
    """Text as it is, anything else as JSON."""
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def scripted_rest(*answers: Said, clock: StepClock | None = None) -> BingxRest:
    """A client whose clock has just been measured, so that nothing but the question is asked."""
    return rest_on(ScriptedTransport(*answers, clock=clock))


def rest_on(transport: ScriptedTransport) -> BingxRest:
    """The same, on a transport that is looked at afterwards."""
    api = Api(transport, hosts("http://127.0.0.1:9"), Random(1))
    api.clock_offset = ClockOffset(0, 0, transport.clock.wall_ns())
    return BingxRest(api)
