"""``insonate serve``: the server on this machine."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import uvicorn

from insonate.console.app import make_app
from insonate.console.desk import Desk
from insonate.console.security import Gate, Guarded
from insonate.console.sockets import LARGEST_WORD
from insonate.core import SettingsError
from insonate.session import CaseSource

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ANYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - what is refused


@dataclass(frozen=True)
class ServeOptions:
    """Where and for what the server runs.

    Parameters
    ----------
    folder
        The case folder: everything is written below it, nothing else is.
    given
        A case that the page offers, or None.
    host, port
        Where it listens; port 0 takes a free one.
    draft
        Whether grids are coarse: for practice on a slow machine.
    registry
        Where a registry lies whose report the page shows; empty for none.

    Raises
    ------
    SettingsError
        When the port is none, or the host is every address of the machine.
    """

    folder: Path
    given: CaseSource | None = None
    host: str = "127.0.0.1"
    port: int = 0
    draft: bool = False
    registry: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"The port is {self.port}; it must lie between 0 and 65535.")
        if self.host in ANYWHERE:
            raise SettingsError(
                "The server does not listen on every address of the machine; give one address, "
                "best 127.0.0.1, which only this machine reaches."
            )


@dataclass(frozen=True)
class Addresses:
    """What to open: for who operates, and for who only looks."""

    operate: str
    observe: str


@dataclass
class Server:
    """A server that listens already; ``run`` serves until it is told to end."""

    options: ServeOptions
    addresses: Addresses = field(init=False)

    def __post_init__(self) -> None:
        page = built_page()
        self._socket = _listening(self.options)
        port = self._socket.getsockname()[1]
        names = LOOPBACK if self.options.host in LOOPBACK else {self.options.host}
        hosts = {f"[{n}]:{port}" if ":" in n else f"{n}:{port}" for n in names}
        gate = Gate(frozenset(hosts))
        shown = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        root = f"http://{shown}:{port}"
        self.addresses = Addresses(f"{root}/{gate.operate}/", f"{root}/{gate.observe}/")
        given = self.options
        self.desk = Desk(given.folder, given.given, given.draft, given.registry)
        config = uvicorn.Config(
            Guarded(make_app(self.desk, page), gate),
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=LARGEST_WORD,
            ws_ping_interval=5.0,
            ws_ping_timeout=10.0,
            log_level="critical",
            access_log=False,
            server_header=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=3,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until interrupted, or until ``end`` was called."""
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def end(self) -> None:
        """Let ``run`` return; from any thread."""
        self._server.should_exit = True


def built_page() -> Path:
    """Return the folder of the built page.

    Raises
    ------
    SettingsError
        When this installation has none.
    """
    page = Path(str(resources.files("insonate.console").joinpath("page")))
    if not (page / "index.html").is_file():
        raise SettingsError(
            f"The page of the console is not built: {page} holds no index.html. Run "
            "'python scripts/build_page.py', or install a wheel, which carries it."
        )
    return page


def _listening(options: ServeOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((options.host, options.port))
        made.listen(128)  # who opens the printed address at once waits, and is not refused
    except OSError as error:
        made.close()
        raise SettingsError(
            f"The server cannot listen on {options.host}:{options.port} ({error.strerror}); choose "
            "another --port, or 0 for a free one."
        ) from error
    return made


def serve(options: ServeOptions, tell: Callable[[Addresses], None]) -> None:
    """Serve until interrupted; ``tell`` gets the addresses once the server listens.

    Raises
    ------
    SettingsError
        When it cannot listen, or the page is not built.
    """
    server = Server(options)
    tell(server.addresses)
    server.run()
