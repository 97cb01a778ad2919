"""The console's figures: ``python -m benchmarks.console``.

A real browser (software GL) at a real server on this machine, on the sample head:

- the first picture after the page was opened, with the head open already, and after "Open" was pressed;
- the live slice at 5 frames a second while the other process plans with waves: how many are drawn
  a second, and how old each is when it is drawn;
- stop, pressed in the page: until power off stands in the record, and until the page shows it; with
  power on, and again and again with power off, while the simulated patient is computed;
- three hours of news: memory of server and page after the first tenth and at the end.
"""

import argparse
import json
import resource
import shutil
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, Error, Page, sync_playwright

from insonate.console.frames import pack_frame
from insonate.console.models import Note, Status
from insonate.console.serve import ServeOptions, Server
from insonate.core.provenance import versions
from insonate.events.documents import TemperatureFrame
from insonate.record import open_record
from insonate.session import case_source

ROOT = Path(__file__).resolve().parents[1]
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
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
]
AFFINE = np.array(
    [[1.1e-3, 0, 0, -0.07], [0, 1.1e-3, 0, -0.07], [0, 0, 3e-3, 0.0], [0, 0, 0, 1.0]]
)


def until(what: Any, timeout_s: float = 300.0) -> Any:
    """Wait until ``what()`` is true."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.01)
    raise TimeoutError("it did not come in time")


def frame_of(number: int, time_s: float) -> bytes:
    """Return a frame of a synthetic hot spot, as the other process sends it."""
    i, j = np.meshgrid(np.arange(128), np.arange(128), indexing="ij")
    rise = 15.0 * np.exp(-((i - 64.0) ** 2 + (j - 64.0) ** 2) / 12.0)
    rise += 0.3 * np.random.default_rng(number).standard_normal(rise.shape)
    document = TemperatureFrame(
        sonication=1, frame=number, start_s=time_s, end_s=time_s + 0.2, orientation="axial",
        readout_axis=0, slice_affine=tuple(AFFINE.ravel()), baseline_degc=37.0, peak_degc=52.0,
        mean_degc=50.0, sigma_k=0.4, off_target_degc=38.0, peak_dose_cem43=1.0,
        off_target_dose_cem43=0.0, usable_share=1.0, drift_k=0.0,
    )  # fmt: skip
    arrays = {
        "delta_t": (rise.astype(np.float32), "K"),
        "magnitude": (np.ones(rise.shape, np.float32), "1"),
        "mask": (np.ones(rise.shape, bool), "1"),
    }
    return pack_frame(document, arrays, (0.0, 0.0, 0.0), time.time())


def tell(server: Server, word: str, content: Any) -> None:
    """Let the server hear something, as from the other process."""
    server.desk.heard(word, content)


def prepared(page: Page, server: Server) -> float:
    """Open the sample and plan; return how long the first picture took after "Open", s."""
    began = time.monotonic()
    page.click("#open-given")
    page.wait_for_selector("#head-canvas[data-shown]", timeout=300_000)
    first = time.monotonic() - began
    for step in ("images", "head", "target"):
        page.wait_for_selector(f"#approve-{step}:enabled", timeout=300_000)
        page.click(f"#approve-{step}")
    page.wait_for_selector("#make-plan:enabled")
    page.click("#make-plan")
    page.wait_for_selector("#approve-plan:enabled", timeout=300_000)
    del server
    return first


def first_picture(browser: Browser, address: str) -> float:
    """Return the time from opening the page in a browser just started to the head's first picture, s."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address)
    page.wait_for_selector("#head-canvas[data-shown]", timeout=60_000)
    entry = page.evaluate("performance.getEntriesByName('first-picture')[0].startTime")
    return float(entry) / 1e3


def live_slice(page: Page, server: Server, seconds: float) -> dict[str, float]:
    """Send 5 frames a second while the other process plans; return rate and ages."""
    page.evaluate("document.querySelector('#step-rehearse').disabled = false")
    page.click("#step-rehearse")
    page.evaluate(
        """() => { window.ages = []; const c = document.querySelector('#slice-canvas');
        new MutationObserver(() => window.ages.push(Date.now()/1000 - Number(c.dataset.wall)))
        .observe(c, {attributes: true, attributeFilter: ['data-frame']}); }"""
    )
    server.desk.engine.say("plan", "has")
    count = round(5 * seconds)
    began = time.monotonic()
    for number in range(count):
        tell(server, "frame", ((), frame_of(number, 0.2 * number)))
        page.wait_for_timeout(max(1.0, 1e3 * (began + 0.2 * (number + 1) - time.monotonic())))
    took = time.monotonic() - began
    page.wait_for_timeout(500)
    ages = sorted(float(a) for a in page.evaluate("window.ages"))
    server.desk.engine.say("cancel")
    return {
        "sent": count,
        "drawn": len(ages),
        "per_s": len(ages) / took,
        "oldest_s": ages[-1],
        "median_s": ages[len(ages) // 2],
    }


def pressed(page: Page) -> dict[str, float]:
    """Press stop; return when, when it was shown, and the number of the event, wall s."""
    found = page.evaluate(
        """() => new Promise((done) => { const stop = document.querySelector('#stop');
        const clock = () => (performance.timeOrigin + performance.now()) / 1000;
        const before = clock();
        const watch = new MutationObserver(() => { watch.disconnect();
          requestAnimationFrame(() => done({pressed: before, shown: clock(),
          number: Number(stop.dataset.number)})); });
        watch.observe(stop, {attributes: true, attributeFilter: ['data-number']});
        stop.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true})); })"""
    )
    return dict(found)


def stops(page: Page, server: Server, real: int, all_of: int) -> dict[str, Any]:
    """Press stop ``all_of`` times, ``real`` of them with power on; return times, s."""
    page.wait_for_selector("#approve-plan:enabled", timeout=300_000)
    page.click("#approve-plan")
    page.select_option("#speed", "20", force=True)
    page.wait_for_selector("#begin:enabled")
    page.click("#begin")
    until(lambda: server.desk.state is not None)
    presses: list[tuple[bool, dict[str, float]]] = []
    while len(presses) < all_of:
        on = False
        if sum(p for p, _ in presses) < real:
            on = sonicate(page, server)
        presses.append((on, pressed(page)))
        page.wait_for_timeout(50 if on else 20)
    page.click("[data-verb='finish']")
    until(lambda: server.desk.facts.report, 600.0)
    record = open_record(server.desk.folder / server.desk.run_folder / "record")
    wall = {e.sequence: e.wall.timestamp() for e in record.events}
    rows: dict[str, Any] = {}
    for name, wanted in (("on", (True,)), ("off", (False,)), ("all", (True, False))):
        chosen = [p for on, p in presses if on in wanted]
        kept = [wall[int(p["number"])] - p["pressed"] for p in chosen]
        shown = [p["shown"] - p["pressed"] for p in chosen]
        rows[name] = {"count": len(chosen), "record": spread(kept), "shown": spread(shown)}
    return rows


def ask(page: Page, verb: str) -> None:
    """Press a button, if it is still there."""
    with suppress(Error):
        page.click(f"[data-verb='{verb}']", timeout=1000)


def sonicate(page: Page, server: Server) -> bool:
    """Lead the treatment to power on; return whether it is."""
    usual = {"planned": "position", "positioned": "take baseline", "baseline": "approve",
             "review": "confirm", "armed": "sonicate"}  # fmt: skip
    resumed = False
    end = time.monotonic() + 120.0
    while time.monotonic() < end:
        state = str(server.desk.state)
        if state == "sonicating":
            time.sleep(0.3)
            return str(server.desk.state) == "sonicating"
        verb = usual.get(state)
        if state in {"stopped", "paused"}:
            if state == "stopped" and not resumed:
                ask(page, "approve")
            page.fill("#why", "benchmark")
            ask(page, "resume")
            resumed = True
        elif verb is not None:
            ask(page, verb)
        page.wait_for_timeout(300)
    return False


def spread(values: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and the largest, ms."""
    if not values:
        return {}
    found = np.percentile(values, (50, 99, 100)) * 1e3
    return dict(zip(("median_ms", "p99_ms", "max_ms"), map(float, found), strict=True))


def memory(page: Page, server: Server, hours: float, status: Status) -> dict[str, float]:
    """Send the news of hours; return memory after the first tenth and at the end, MB."""
    count = int(3600 * hours)
    names = ("estimated", "skull", "scalp", "water", "power", "subharmonic", "broadband")
    seen: dict[str, float] = {}
    tell(server, "note", ((), note(0)))
    for second in range(count):
        t = float(second)
        points = tuple((name, t, 37.0 + 10 * np.sin(t / 100)) for name in names)
        tell(server, "points", points)
        tell(server, "status", status.model_copy(update={"time_s": t}))
        if second % 3 == 0:
            tell(server, "frame", ((("peak", t, 50.0), ("mean", t, 48.0)), frame_of(second, t)))
        if second % 20 == 0:
            tell(server, "note", ((), note(second + 1)))
            page.wait_for_timeout(60)
        if second == count // 10:
            seen["server_tenth_mb"], seen["page_tenth_mb"] = sizes(page)
    page.wait_for_timeout(2000)
    seen["server_end_mb"], seen["page_end_mb"] = sizes(page)
    return seen


def note(number: int) -> Note:
    """Return an entry of the log."""
    return Note(number=number, time_s=float(number), wall=time.time(), source="controller",
                kind="wait_set", words=f"Entry {number} of a session of hours.")  # fmt: skip


def sizes(page: Page) -> tuple[float, float]:
    """Return the memory of this process, and what the page's heap uses after a collection, MB."""
    page.evaluate("window.gc && window.gc()")
    heap = float(page.evaluate("performance.memory.usedJSHeapSize"))
    return psutil.Process().memory_info().rss / 1e6, heap / 1e6


class Rows(dict[str, Any]):
    """What was measured; each figure is told to standard error as soon as it is there."""

    def __setitem__(self, name: str, value: Any) -> None:
        """Keep and tell a figure."""
        super().__setitem__(name, value)
        sys.stderr.write(f"{name}: {json.dumps(value)}\n")
        sys.stderr.flush()


def spent() -> dict[str, float]:
    """Return CPU time of all processes, s, and the peak memory of this one, MB."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    other = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime + other.ru_utime + other.ru_stime
    return {"cpu_s": cpu, "peak_mb": used.ru_maxrss / 1e3}


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draft", action="store_true", help="coarse grids")
    parser.add_argument("--stops", type=int, default=200)
    parser.add_argument("--real", type=int, default=10, help="of them with power on")
    parser.add_argument("--hours", type=float, default=3.0)
    wanted = parser.parse_args()
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="console-"))
    given = case_source(ROOT / "samples" / "cranium", None, None, phantom=False)
    server = Server(ServeOptions(folder / "case", given, draft=wanted.draft))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    rows = Rows(versions=versions(), draft=wanted.draft)
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        rows["chromium"] = browser.version
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(server.addresses.operate)
        page.wait_for_selector("#open-given:enabled")
        rows["first_picture_after_open_s"] = prepared(page, server)
        with playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as fresh:
            rows["first_picture_after_opening_the_page_s"] = first_picture(
                fresh, server.addresses.observe
            )
        page.click("#step-plan")
        rows["stop"] = stops(page, server, wanted.real, wanted.stops)
        rows["live"] = live_slice(page, server, 20.0)
        until(lambda: server.desk.busy is None)
        run = server.desk.facts.run
        if run is not None and run.status is not None:
            rows["memory"] = memory(page, server, wanted.hours, run.status)
        browser.close()
    server.end()
    thread.join(60.0)
    shutil.rmtree(folder, ignore_errors=True)
    rows.update(spent(), wall_s=time.monotonic() - began)
    sys.stdout.write(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
