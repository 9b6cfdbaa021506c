"""The object store of the tests, and what goes wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY, SECRET = "AKIATESTSONLY", "never-printed-anywhere"


@dataclass(frozen=True)
class Server:
    """A running store."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """How a process reaches it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }

    def renew(self) -> None:
        """Nothing but an empty bucket `books`, and nothing goes wrong."""
        self.goes_wrong()
        for path in ("moto-api/reset", "books"):
            method = "PUT" if path == "books" else "POST"
            urllib.request.urlopen(urllib.request.Request(f"{self.url}/{path}", method=method)).close()

    def goes_wrong(self, *faults: dict[str, Any]) -> None:
        """What goes wrong with the next requests that fit; nothing, when nothing is said."""
        self._tell("faults", list(faults))

    def requests(self) -> list[tuple[str, str]]:
        """Method and path of the requests since this was last asked."""
        return [(method, path) for method, path in self._tell("requests", None)]

    def _tell(self, what: str, said: object) -> Any:
        request = urllib.request.Request(f"{self.url}/-/{what}", data=json.dumps(said).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())


@contextmanager
def running() -> Iterator[Server]:
    """A store in a process of its own, which ends with this one, however that ends."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    assert process.stdout is not None
    try:
        yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()
