"""A real Hazelcast member, on loopback, started and ended by its pid."""

import os
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

CLUSTER = "dita-test"
_START_SECONDS = 90.0
_CONFIG = """
hazelcast:
  cluster-name: {cluster}
  integrity-checker:
    enabled: false
  network:
    port: {{port: {port}, auto-increment: false}}
    interfaces: {{enabled: true, interfaces: [127.0.0.1]}}
    join:
      auto-detection: {{enabled: false}}
      multicast: {{enabled: false}}
      tcp-ip: {{enabled: true, member-list: [127.0.0.1]}}
"""


@contextmanager
def member(folder: Path, port: int, jar: Path) -> Generator[subprocess.Popen[bytes]]:
    """Listening on a port of loopback."""
    folder.mkdir(exist_ok=True)
    config = folder / "hazelcast.yaml"
    config.write_text(_CONFIG.format(cluster=CLUSTER, port=port))
    command = [
        "java", "-Xmx256m", "-Dhazelcast.phone.home.enabled=false", "-Dhazelcast.logging.type=none",
        "-Dhazelcast.socket.bind.any=false", f"-Dhazelcast.config={config}", "-cp", str(jar),
        "com.hazelcast.core.server.HazelcastMemberStarter",
    ]  # fmt: skip
    with (folder / "member.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=os.environ)
    try:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                said = (folder / "member.log").read_text()[-2000:]
                assert process.poll() is None, f"the member ended:\n{said}"
                assert time.monotonic() < until, f"the member does not listen:\n{said}"
                time.sleep(0.2)
        yield process
    finally:
        process.kill()
        process.wait()
