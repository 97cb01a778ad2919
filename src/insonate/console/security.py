"""Who may speak to the server: token, Host, Origin, bounded bodies, headers of every answer.

The token is the first part of every path, so page, picture, request and socket all carry it; there
is no cookie that another page could ride on. A second token opens a window that only looks.
"""

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 64 * 1024
"""Of a request that is no upload, bytes."""

LARGEST_UPLOAD = 512 * 1024 * 1024
"""Of one uploaded file, bytes: a CT of a head as float32 at 0.5 mm has 400 MB."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self' data:; worker-src 'self' blob:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox"
)
"""The report holds no script; none would run."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=()",
    "cache-control": "no-store",
}


def new_token() -> str:
    """Return a token that nobody can guess: 192 random bits."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Gate:
    """What a request must show.

    Parameters
    ----------
    hosts
        Every allowed value of the Host header, with its port.
    operate, observe
        The tokens of windows that may operate, and of those that only look.
    """

    hosts: frozenset[str]
    operate: str = field(default_factory=new_token)
    observe: str = field(default_factory=new_token)

    def fault(self, headers: dict[str, str]) -> str:
        """Return why headers are refused, or nothing."""
        if headers.get("host", "") not in self.hosts:
            return "The request is for another host; open the address that the server printed."
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return "The request comes from another page; only the console's own may ask."
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            return "The request was sent by another site; only the console's own page may ask."
        return ""

    def role(self, token: str) -> str:
        """Return "operate", "observe", or nothing for a token that is none."""
        given = token.encode("utf-8", "surrogateescape")
        operates = hmac.compare_digest(given, self.operate.encode())
        observes = hmac.compare_digest(given, self.observe.encode())
        return "operate" if operates else "observe" if observes else ""


class Guarded:
    """An ASGI application behind a gate.

    Parameters
    ----------
    app
        What is guarded; it sees paths without the token, and ``scope["state"]["role"]``.
    gate
        What a request must show.
    """

    def __init__(self, app: App, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or socket, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {
            k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]
        }
        token, slash, rest = scope["path"].lstrip("/").partition("/")
        role = self._gate.role(token)
        fault = self._gate.fault(headers)
        if not role and not fault:
            fault = "The token is missing or wrong; open the address that the server printed."
        if fault:
            await _refuse(scope, send, 403, fault)
            return
        if not slash:
            await _redirect(scope, send, f"/{token}/")
            return
        inner = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode(), "root_path": ""}
        inner["state"] = {**scope.get("state", {}), "role": role}
        await self._bounded(inner, headers, receive, send)

    async def _bounded(
        self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        upload = scope["path"].startswith("/api/uploads/")
        most = LARGEST_UPLOAD if upload else LARGEST_BODY
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > most:
            await _refuse(
                scope, send, 413, f"The body is too large; at most {most} bytes are taken."
            )
            return
        await self._app(scope, _Counted(receive, most), _with_headers(send))


class _Counted:
    """Passes a body on until it is longer than allowed; then the client counts as gone."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._left = receive, most

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if self._left < 0 else message


def _with_headers(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {k.lower() for k, _ in message.get("headers", ())}
            more = {**HEADERS, "content-security-policy": PAGE_POLICY}
            added = [(k.encode(), v.encode()) for k, v in more.items() if k.encode() not in own]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sent


async def _refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence[:120]})
        return
    body = json.dumps({"detail": sentence}).encode()
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", b"application/json"), (b"connection", b"close")],
    }
    guarded = _with_headers(send)
    await guarded(start)
    await guarded({"type": "http.response.body", "body": body})


async def _redirect(scope: Scope, send: Send, to: str) -> None:
    if scope["type"] == "websocket":
        await _refuse(scope, send, 404, "There is no such socket.")
        return
    guarded = _with_headers(send)
    headers = [(b"location", to.encode())]
    await guarded({"type": "http.response.start", "status": 307, "headers": headers})
    await guarded({"type": "http.response.body", "body": b""})
