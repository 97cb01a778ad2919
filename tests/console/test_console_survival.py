"""A page that dies takes the power off; a server that dies leaves a record that was stopped and closed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from insonate.console.serve import ServeOptions, Server
from insonate.record import open_record
from insonate.record.reading import read_chain
from insonate.session import replay_record

NEXT = {"planned": "position", "positioned": "take baseline", "baseline": "approve",
        "armed": "sonicate", "review": "confirm"}  # fmt: skip


class Hands:
    """A client that operates, with a sign of presence four times a second while it is there."""

    def __init__(self, address):
        self.client = httpx.Client(base_url=address, timeout=30.0)
        seat = self.client.post("api/seat", json={"name": "tester"}).json()["seat"]
        self.client.headers["x-insonate-seat"] = seat
        self.there, self.over = True, threading.Event()
        self.beating = threading.Thread(target=self._beat, args=(address, seat), daemon=True)
        self.beating.start()

    def _beat(self, address, seat):
        with httpx.Client(base_url=address, headers={"x-insonate-seat": seat}) as client:
            while not self.over.wait(0.25):
                if self.there:
                    try:
                        client.post("api/seat/beat")
                    except httpx.HTTPError:
                        return

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.over.set()
        self.beating.join(10.0)
        self.client.close()

    def do(self, path, **body):
        answer = self.client.post(f"api/{path}", json=body)
        assert answer.status_code < 300, (path, answer.text)

    def view(self):
        return self.client.get("api/view").json()

    def state(self):
        status = self.client.get("api/status").json()
        return None if status is None else status["state"]

    def idle(self):
        until(lambda: self.view()["busy"] is None)
        assert self.view()["fault"] == ""

    def lead(self, to):
        """Do what comes next until the state is ``to``."""

        def there():
            state = self.state()
            if state != to and state in NEXT:
                self.do("commands", verb=NEXT[state])
                time.sleep(0.3)
            return self.state() == to

        until(there)


def until(what, timeout_s=180.0):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


@pytest.fixture
def served(tmp_path):
    """A server of its own, as a person starts it."""
    command = [sys.executable, "-m", "insonate", "serve", "--draft", "--no-open",
               "--out", str(tmp_path / "case")]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path
    ) as process:
        line = process.stdout.readline()
        assert line.startswith("Operate: http://127.0.0.1:"), line
        yield process, line.split(" ", 1)[1].strip(), tmp_path / "case"
        process.kill()


def test_who_opens_the_address_before_the_server_serves_is_not_refused(tmp_path):
    server = Server(ServeOptions(tmp_path / "case", draft=True))
    port = int(server.addresses.operate.split(":")[2].split("/")[0])
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5.0):
            pass
    finally:
        server._socket.close()


def test_page_and_server_may_die_and_the_record_is_stopped_and_closed(served):
    process, address, folder = served
    with Hands(address) as hands:
        hands.do("open", what="phantom")
        hands.idle()
        for step in ("images", "head", "target"):
            hands.do(f"approve/{step}")
        hands.do("plan", engine="ray")
        hands.idle()
        hands.do("approve/plan")
        hands.do("rehearsal", scenario="cooperative", seed=1, speed=2.0)
        hands.lead("sonicating")
        hands.there = False  # the page is gone
        until(lambda: hands.state() != "sonicating")
        record = folder / "run-1" / "record"
        ended = next(
            e for e in read_chain(record).events if e.payload.kind == "sonication_ended"
        )
        assert ended.payload.guard == "operator"
        hands.there = True  # and comes back
        hands.lead("sonicating")
        os.kill(process.pid, signal.SIGKILL)  # the server is gone, without a word
        until(lambda: read_chain(record).finished)
        events = open_record(record).events
        last = [e.payload for e in events if e.payload.kind == "operator_command"]
        assert [p.verb for p in last[-2:]] == ["stop", "finish"]
        assert last[-1].why == "the console is gone"
        power = [e.payload.power_w for e in events if e.payload.kind == "power_set"]
        assert power[-1] == 0.0
        assert events[-1].payload.outcome == "stopped"
        assert replay_record(record).identical
        until((folder / "run-1" / "report.html").is_file)


def test_a_process_that_computes_and_dies_is_told_and_started_anew(running):
    with running.seated() as client:
        client.post("api/open", json={"what": "phantom"})
        running.until(lambda: running.desk.facts.head is not None and running.desk.busy is None)
        before = running.desk.engine.pid
        os.kill(before, signal.SIGKILL)
        running.until(lambda: running.desk.fault != "")
        assert "ended" in running.desk.fault
        assert running.desk.facts.head is None
        assert running.desk.engine.pid != before
        assert client.post("api/open", json={"what": "phantom"}).status_code == 202
        running.until(lambda: running.desk.facts.head is not None and running.desk.busy is None)
