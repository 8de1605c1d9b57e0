"""An S3 server with the rules of real ones that moto's has not.

It refuses keys of more than 1,024 bytes, and what is written without a checksum, as a bucket with
Object Lock does; and what an account has no right to, where a test says so.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

MAX_KEY_BYTES = 1024


class StrictS3:
    """moto's server behind these rules.

    Attributes:
        endpoint: its address, while it serves.
        wants_checksums: whether writing needs a checksum.
        refuses_all_writes: whether objects cannot be written at all.
        forbids: what the account has no right to: `list`, `get`, `put`, `delete`.
        is_ahead: how much later it is there.
    """

    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.endpoint = ""
        self.wants_checksums = True
        self.refuses_all_writes = False
        self.forbids: set[str] = set()
        self.is_ahead = timedelta()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        code, message = self._refusal(environ)
        if not code:
            answer: Iterable[bytes] = self.moto(environ, start)
            return answer
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        forbidden = code in ("AccessDenied", "RequestTimeTooSkewed")
        status = "403 Forbidden" if forbidden else "400 Bad Request"
        start(status, [("Content-Type", "application/xml")])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _refusal(self, environ: dict[str, Any]) -> tuple[str, str]:
        _, _, key = environ["PATH_INFO"].encode("latin-1").removeprefix(b"/").partition(b"/")
        method = environ["REQUEST_METHOD"]
        right = {"PUT": "put", "DELETE": "delete"}.get(method, "get") if key else "list"
        if abs(self.is_ahead) > timedelta(minutes=15):
            return "RequestTimeTooSkewed", "The difference between the times is too large"
        if right in self.forbids:
            return "AccessDenied", "Access Denied"
        if len(key) > MAX_KEY_BYTES:
            return "KeyTooLongError", "Your key is too long"
        writes = environ["REQUEST_METHOD"] == "PUT" and key
        checked = "HTTP_CONTENT_MD5" in environ or any("X_AMZ_CHECKSUM" in name for name in environ)
        if writes and (self.refuses_all_writes or (self.wants_checksums and not checked)):
            return "InvalidRequest", "Content-MD5 HTTP header is required for Put Object requests"
        return "", ""

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The server over HTTP."""
        strict = self

        class Handler(WSGIRequestHandler):
            def date_time_string(self, timestamp: float | None = None) -> str:
                now = time.time() if timestamp is None else timestamp
                return super().date_time_string(now + strict.is_ahead.total_seconds())

        server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
