"""An object store on this machine that speaks S3: moto's, one request at a time, with faults on demand.

One at a time, because moto looks whether a name is free and then writes: two requests at once could both find it so,
which no store does that is worth the name. `POST /-/faults` with JSON says what goes wrong with the next requests that
fit: `{"method": "PUT", "path": "journal/", "after": 0, "times": 1, "how": …}`. "503", "409" and "403" are answered in
place of doing it, the last with all that Amazon repeats of a request; "lost" does it and answers 500; "cut" does it and
closes the connection without an answer; "still" waits for ten seconds and does nothing; "careless" does it whatever the
condition.
`GET /-/requests` gives the method and path of every request since it was last asked.
"""

import io
import json
import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

Answer = Callable[..., Any]


REFUSED = {
    "503": ("503 Service Unavailable", "<Error><Code>SlowDown</Code></Error>"),
    "409": ("409 Conflict", "<Error><Code>ConditionalRequestConflict</Code></Error>"),
    "403": (
        "403 Forbidden",
        "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>{HTTP_AUTHORIZATION}</StringToSign></Error>",
    ),
}


class Faulty:
    """moto, as far as nothing goes wrong."""

    def __init__(self) -> None:
        self.store = DomainDispatcherApplication(create_backend_app)
        self.turn = threading.Lock()
        self.faults: list[dict[str, Any]] = []
        self.requests: list[list[str]] = []

    def __call__(self, environ: dict[str, Any], answer: Answer) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/-/"):
            return self.told(path, environ, answer)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        with self.turn:
            self.requests.append([environ["REQUEST_METHOD"], path])
            how = self.fault(environ["REQUEST_METHOD"], path)
        if how == "still":
            time.sleep(10)
            return [b""]
        with self.turn:
            if how in REFUSED:
                body = REFUSED[how][1].format(**environ).encode()
                answer(REFUSED[how][0], [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
                return [body]
            if how == "careless":
                environ.pop("HTTP_IF_NONE_MATCH", None)
            if how in (None, "careless"):
                return [b"".join(self.store(environ, answer))]
            b"".join(self.store(environ, lambda *_: lambda _: None))
            if how == "cut":
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            answer("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]

    def fault(self, method: str, path: str) -> str | None:
        """What goes wrong with a request."""
        for fault in self.faults:
            if fault["method"] == method and re.search(fault["path"], path) and fault["times"]:
                if fault["after"]:
                    fault["after"] -= 1
                    continue
                fault["times"] -= 1
                return str(fault["how"])
        return None

    def told(self, path: str, environ: dict[str, Any], answer: Answer) -> Iterable[bytes]:
        """What a test says or asks."""
        said = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if path == "/-/faults":
            self.faults = [{"after": 0, "times": 1, **fault} for fault in json.loads(said)]
        body = json.dumps(self.requests if path == "/-/requests" else len(self.faults)).encode()
        self.requests = [] if path == "/-/requests" else self.requests
        answer("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


class Kept(WSGIRequestHandler):
    """Connections are kept open, as stores do; nothing is logged."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    logging.disable()
    server = make_server("127.0.0.1", 0, Faulty(), threaded=True, request_handler=Kept)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # until the tests are over, however they end
