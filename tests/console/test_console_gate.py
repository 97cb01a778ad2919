"""Hostile requests: refused, nothing read or written outside, nothing changed, no answer of 5xx."""

import asyncio
import hashlib
import json
from pathlib import Path

import httpx
import pytest
import websockets

from insonate.console.security import LARGEST_BODY, Gate, Guarded

OUTSIDE = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..\\..\\..\\windows\\win.ini",
    "....//....//etc/passwd",
    "%00",
    "assets/../../../serve.py",
    "assets/%2e%2e/%2e%2e/__init__.py",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "~root/.bashrc",
    "api/volumes/../../secret",
    "api/volumes/..%2f..%2fsecret.txt",
    "api/volumes/ct.nii",
    "api/volumes/%2e%2e%2fsecret",
    "api/report/../../secret.txt",
    "api/replay/frames/-1",
    "api/replay/frames/99999999999999999999",
    "api/replay/frames/0x10",
]
BODIES = [
    ("api/open", {"what": "/etc/passwd"}),
    ("api/open", {"what": "upload"}),
    ("api/open", {"what": "phantom", "mapping": "../../x"}),
    ("api/open", {"what": "phantom", "frequency_khz": 1e9}),
    ("api/open", {"what": "phantom", "path": "/etc"}),
    ("api/rehearsal", {"scenario": "/etc/passwd.toml"}),
    ("api/rehearsal", {"scenario": "../secret.toml"}),
    ("api/rehearsal", {"speed": 1e308}),
    ("api/rehearsal", {"seed": -1}),
    ("api/target", {"name": "../../x"}),
    ("api/target", {"point_mm": [1e300, 0, 0]}),
    ("api/target", {"point_mm": [0, 0]}),
    ("api/target", {}),
    ("api/commands", {"verb": "explode"}),
    ("api/commands", {"verb": "stop", "why": "x" * 5000}),
    ("api/patient", {"pain_nrs": 11}),
    ("api/patient", {"finding": "<script>"}),
    ("api/seat", {"name": "<img src=x onerror=alert(1)>"}),
    ("api/approve/everything", {}),
    ("api/approve/plan", {}),
    ("api/plan", {"engine": "rm -rf"}),
    ("api/landmarks", {"ac_mm": ["a", "b", "c"], "pc_mm": [0, 0, 0]}),
]


@pytest.fixture(scope="module")
def secret(running):
    """A file beside the case folder; nobody may read it, and nothing may appear next to it."""
    path = running.folder.parent / "secret.txt"
    path.write_text("PATIENT NAME", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def unchanged(running, secret):
    """Whatever is sent: the state, the folder, and what lies outside stay as they are."""
    before = (running.desk.view("operate").model_dump(exclude={"seat"}), picture(secret.parent))
    yield
    after = (running.desk.view("operate").model_dump(exclude={"seat"}), picture(secret.parent))
    assert after == before


def picture(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def raw(running, target: str, method: str = "GET", extra: str = "", body: bytes = b"") -> bytes:
    """Send a request as bytes, so that nothing tidies its path."""
    return asyncio.run(_raw(running, target, method, extra, body))


async def _raw(running, target, method, extra, body):
    port = running.server._socket.getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    host = "" if "host:" in extra.lower() else f"Host: 127.0.0.1:{port}\r\n"
    head = f"{method} {target} HTTP/1.1\r\n{host}Connection: close\r\n{extra}"
    if body and "content-length" not in extra.lower():
        head += f"Content-Length: {len(body)}\r\n"
    writer.write(head.encode("latin-1") + b"\r\n" + body)
    try:
        return await asyncio.wait_for(reader.read(), 20.0)
    except ConnectionResetError:
        return b"HTTP/1.1 400 reset"
    finally:
        writer.close()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def path_of(running) -> str:
    return "/" + running.operate.split("/", 3)[3]


@pytest.mark.parametrize("where", OUTSIDE)
def test_no_path_leads_outside(running, where):
    answer = raw(running, path_of(running) + where)
    assert 300 <= status(answer) < 500
    assert b"PATIENT NAME" not in answer
    assert b"root:" not in answer
    assert b"import" not in answer


@pytest.mark.parametrize(
    "extra",
    [
        "Host: evil.example\r\n",
        "Host: evil.example:80\r\n",
        "Host: 127.0.0.1\r\n",
        "Host: 127.0.0.1.evil.example:{port}\r\n",
        "Host: \r\n",
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: https://127.0.0.1:{port}\r\n",
        "Origin: http://127.0.0.1:1\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_foreign_hosts_and_pages_are_refused(running, extra, method):
    port = running.server._socket.getsockname()[1]
    answer = raw(running, path_of(running) + "api/view", method, extra.format(port=port))
    assert status(answer) in {400, 403}


@pytest.mark.parametrize("token", ["", "x", "../", "%00", "A" * 5000, "ü"])
def test_without_the_token_nothing_is_shown(running, token):
    for rest in ("", "api/view", "assets/x.js", "api/openapi.json"):
        answer = raw(running, f"/{token}/{rest}".encode().decode("latin-1"))
        assert status(answer) in {400, 403}
        assert b"insonate" not in answer.split(b"\r\n\r\n", 1)[-1]


def test_a_token_that_is_nearly_right_is_wrong(running):
    token = path_of(running).strip("/")
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert status(raw(running, f"/{wrong}/api/view")) == 403
    assert status(raw(running, f"/{token}/api/view")) == 200


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_what_does_not_fit_the_interface_is_refused_with_a_sentence(running, path, body):
    with running.seated() as client:
        answer = client.post(path, json=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b"[" * 30000, "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        (b"a=1", "application/x-www-form-urlencoded"),
        (b"NaN", "application/json"),
        (b'{"point_mm": [NaN, 0, 0]}', "application/json"),
    ],
)
def test_bodies_that_are_no_json_are_refused(running, content, kind):
    with running.seated() as client:
        answer = client.post("api/target", content=content, headers={"content-type": kind})
    assert 400 <= answer.status_code < 500


def test_too_large_bodies_are_refused_by_header_and_by_count(running):
    with running.seated() as client:
        assert client.post("api/target", content=b" " * (LARGEST_BODY + 1)).status_code == 413
    huge = f"Content-Length: {10**15}\r\n"
    assert status(raw(running, path_of(running) + "api/uploads/ct/a.nii", "PUT", huge)) == 413
    odd = "Content-Length: -5\r\n"
    assert status(raw(running, path_of(running) + "api/target", "POST", odd)) in {400, 413}
    # no length is told: it is counted
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = raw(
        running,
        path_of(running) + "api/target",
        "POST",
        "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\nContent-Length-Not: 1\r\n",
        chunk * 4 + b"0\r\n\r\n",
    )
    assert answer == b"" or 400 <= status(answer) < 500


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PATCH", "OPTIONS", "BREW"])
def test_odd_methods_are_refused(running, method):
    assert 400 <= status(raw(running, path_of(running) + "api/view", method)) < 500


@pytest.mark.parametrize(
    "path", ["open", "target", "plan", "approve/images", "rehearsal", "commands", "patient"]
)
def test_nothing_is_changed_without_the_seat_or_by_who_only_looks(running, path):
    body = (
        {"what": "phantom"}
        if path == "open"
        else {"verb": "stop"}
        if path == "commands"
        else {}
    )
    with running.client() as client:
        assert client.post(f"api/{path}", json=body).status_code in {403, 422}
        headers = {"x-insonate-seat": "guessed"}
        assert client.post(f"api/{path}", json=body, headers=headers).status_code in {403, 422}
    with running.client(running.observe) as client:
        assert client.post(f"api/{path}", json=body).status_code in {403, 422}
        assert client.post("api/stop").status_code == 403
        assert client.post("api/seat", json={}).status_code == 403
        assert client.get("api/view").json()["may_operate"] is False


BROKEN = {
    "empty.nii": b"",
    "noise.nii": bytes(range(256)) * 40,
    "cut.nii.gz": b"\x1f\x8b\x08\x00" + b"\x00" * 50,
    "bomb.nii": (348).to_bytes(4, "little") + b"\x00" * 36 + b"\x03\x00" + b"\xff\x7f" * 7
    + b"\x00" * 400,
    "noise.dcm": b"\x00" * 128 + b"DICM" + b"\xff" * 500,
    "empty.dcm": b"\x00" * 128 + b"DICM",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_images_are_refused_with_a_sentence_and_deleted(running, name):
    with running.seated() as client:
        assert client.put(f"api/uploads/ct/{name}", content=BROKEN[name]).status_code == 200
        answer = client.post("api/uploads/ct/look", timeout=120.0)
    assert answer.status_code == 409
    sentence = answer.json()["detail"]
    assert sentence.endswith(".")
    assert str(running.folder) not in sentence


@pytest.mark.parametrize("name", ["..%2f..%2fx.nii", "a%00.nii", "x" * 3000 + ".nii"])
def test_the_name_of_an_upload_chooses_no_path(running, name):
    with running.seated() as client:
        client.put(f"api/uploads/ct/{name}", content=b"x")
        client.delete("api/uploads/ct")
        assert client.put(f"api/uploads/other/{name}", content=b"x").status_code in {
            404,
            405,
            422,
        }


# --- sockets -----------------------------------------------------------------------------------


def socket_at(running, address=None, **how):
    return websockets.connect((address or running.operate).replace("http", "ws") + "ws", **how)


def test_sockets_need_token_host_and_origin(running):
    async def all_refused():
        wrong = "http://127.0.0.1:1/wrong/"
        port = running.server._socket.getsockname()[1]
        for address, how in (
            (f"http://127.0.0.1:{port}/wrong/", {}),
            (running.operate, {"origin": "http://evil.example"}),
            (running.operate, {"additional_headers": {"Sec-Fetch-Site": "cross-site"}}),
            (running.operate + "api/", {}),
        ):
            with pytest.raises((websockets.exceptions.InvalidStatus, OSError)):
                await socket_at(running, address, **how)
        assert wrong

    asyncio.run(all_refused())


def test_a_socket_floods_only_itself(running):
    async def flood():
        async with socket_at(running) as socket:
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                await asyncio.wait_for(_flooded(socket), 20.0)
        async with socket_at(running) as socket:
            await socket.send("x" * 1_000_000)
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                await asyncio.wait_for(_drained(socket), 10.0)
        async with socket_at(running) as socket:
            for text in (
                "",
                "[]",
                "{",
                "null",
                '{"do": "stop", "seat": 1}',
                '{"do":"ack","n":99}',
            ):
                await socket.send(text)
            first = json.loads(await socket.recv())
            assert first["kind"] == "batch"

    asyncio.run(flood())


async def _flooded(socket):
    for _ in range(3000):
        await socket.send(json.dumps({"do": "nothing"}))
        await asyncio.sleep(0)
    await _drained(socket)


async def _drained(socket):
    while True:
        await socket.recv()


def test_only_so_many_windows_are_open_at_once(running):
    async def many():
        sockets = [await socket_at(running) for _ in range(12)]
        with pytest.raises(websockets.exceptions.InvalidStatus):
            await socket_at(running)
        for socket in sockets:
            await socket.close()

    asyncio.run(many())
    running.until(lambda: not running.desk.listeners)


# --- every answer ------------------------------------------------------------------------------


def test_every_answer_carries_the_headers_that_keep_others_out(running):
    with running.client() as client:
        for path in ("", "api/view", "api/none", "icon.svg"):
            headers = client.get(path).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe-inline" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert "server" not in headers
            assert "access-control-allow-origin" not in headers


def test_the_server_listens_on_loopback_alone(running):
    assert running.server._socket.getsockname()[0] == "127.0.0.1"


def test_a_gate_without_its_checks_would_be_seen():
    """The wrong subject: a gate that lets everybody in fails what the real one passes."""
    gate = Gate(frozenset({"127.0.0.1:1"}))
    headers = {"host": "127.0.0.1:1", "origin": "http://evil.example"}
    assert gate.fault(headers)
    assert not gate.fault({"host": "127.0.0.1:1"})
    assert not gate.role("")
    assert not gate.role(gate.operate[:-1])
    assert gate.role(gate.observe) == "observe"

    class Open(Gate):
        def fault(self, headers):
            return ""

        def role(self, token):
            return "operate"

    async def inner(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    async def asked(made):
        transport = httpx.ASGITransport(app=Guarded(inner, made))
        async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as c:
            return (await c.get("/guess/api/view")).status_code

    assert asyncio.run(asked(Open(frozenset()))) == 200
    assert asyncio.run(asked(gate)) == 403
