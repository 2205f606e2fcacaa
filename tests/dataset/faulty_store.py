"""A real S3 server on loopback (moto's), and a proxy before it that goes wrong where a test wants it to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from moto.server import ThreadedMotoServer

Fault = Callable[[str, str], "int | str | None"]
"""Method and key → a status to answer with, "reset", or None: all is well."""
CODES = {500: "InternalError", 503: "SlowDown", 403: "AccessDenied"}
BODY = "<?xml version='1.0'?><Error><Code>{}</Code><Message>a test wants it so</Message></Error>"


@dataclass
class Proxy:
    port: int = 0
    fault: Fault = lambda method, key: None
    seen: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, key, and how many bytes were answered."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def moto() -> Iterator[int]:
    """The port of a server with nothing in it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@contextmanager
def proxied(behind: int) -> Iterator[Proxy]:
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def sent(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def go(self) -> None:
            sent = self.sent()
            key = self.path.partition("?")[0]
            fault = proxy.fault(self.command, key)
            if fault == "reset":
                self.close_connection = True
                return
            if isinstance(fault, int):
                status, headers, body = fault, [("Content-Type", "application/xml")], BODY.format(CODES[fault]).encode()
            else:
                there = HTTPConnection("127.0.0.1", behind, timeout=30)
                kept = {k: v for k, v in self.headers.items() if k.lower() not in ("transfer-encoding", "expect")}
                there.request(self.command, self.path, sent, {**kept, "Content-Length": str(len(sent))})
                answer = there.getresponse()
                status, headers, body = answer.status, answer.getheaders(), answer.read()
                there.close()
            length = [v for k, v in headers if k.lower() == "content-length"] if self.command == "HEAD" else []
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length[0] if length else str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            proxy.seen.append((self.command, key, len(body)))

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = go

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.port = server.server_port
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield proxy
    server.shutdown()
    server.server_close()
