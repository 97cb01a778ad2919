"""A server on a free port, its process, and a browser: started once for all tests of the console."""

import asyncio
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Error, expect, sync_playwright

from insonate.console.serve import ServeOptions, Server

ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
"""As root there is no sandbox; without the others Chromium speaks to hosts that nobody asked for."""


expect.set_options(timeout=60_000)


@dataclass
class Running:
    """A server that runs."""

    server: Server
    folder: Path

    @property
    def operate(self) -> str:
        return self.server.addresses.operate

    @property
    def observe(self) -> str:
        return self.server.addresses.observe

    @property
    def desk(self):
        return self.server.desk

    def client(self, address: str | None = None) -> httpx.Client:
        return httpx.Client(base_url=address or self.operate, timeout=30.0)

    def seated(self) -> httpx.Client:
        """Return a client that has the operator's seat."""
        self.desk.seat._give("seat of the test", "tester")
        client = self.client()
        client.headers["x-insonate-seat"] = "seat of the test"
        return client

    def until(self, what, timeout_s: float = 300.0):
        """Wait until ``what()`` is true; fail with what the server says otherwise."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"waited in vain; {self.desk.busy} {self.desk.fault!r}")


def _start(folder: Path, **options) -> tuple[Running, threading.Thread]:
    server = Server(ServeOptions(folder, draft=True, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    return Running(server, folder), thread


@pytest.fixture(scope="session")
def start():
    """A function that starts a server: for tests that want one of their own."""
    return _start


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    made, thread = _start(tmp_path_factory.mktemp("console") / "case")
    made.until(lambda: made.server._server.started)
    yield made
    made.server.end()
    thread.join(60.0)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def chromium():
    """The browser: Debian's where there is one, Playwright's own elsewhere.

    It ends with its module: Playwright keeps a loop running, and the tests of sockets want their own.
    """
    # pytest keeps no loop of its own here; Playwright wants none
    asyncio.set_event_loop(None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=ARGUMENTS
            )
        except Error as error:
            pytest.fail(f"No browser: run 'python scripts/find_browser.py'. {error}")
        yield browser
        browser.close()
