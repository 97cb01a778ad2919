"""A whole rehearsal as an operator does it, in a real browser; pictures of every step are kept.

The pictures lie in build/console-pictures, at 1280 × 800 and 1920 × 1080: look at them after a change.
"""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from insonate.record import open_record
from insonate.session import case_source, replay_record

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "console-pictures"
AXE = ROOT / "page" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = ((1280, 800), (1920, 1080))
MINUTE = 3 * 60_000.0
"""Patience, not a limit: nothing here is a test of speed, and a machine may be busy."""


class Operator:
    """A page and what a person does with it."""

    def __init__(self, page, running, faults):
        self.page, self.running, self.faults = page, running, faults

    def picture(self, name):
        """Keep a picture of the window in both sizes; nothing may be wider than the window."""
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_timeout(500)
            self.page.screenshot(path=PICTURES / f"{name}-{width}.png", timeout=MINUTE)
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name}: {wide} px wide in a window of {width}"
        self.page.set_viewport_size({"width": 1280, "height": 800})

    def accessible(self, name):
        """Fail for any violation that axe-core finds."""
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        told = [
            f"{v['id']}: {v['help']} at {[n['target'] for n in v['nodes']][:3]}"
            for v in found["violations"]
        ]
        assert not told, f"{name}: {told}"

    def press(self, selector, timeout=2 * MINUTE):
        self.page.wait_for_selector(f"{selector}:enabled", timeout=timeout)
        self.page.click(selector)

    def verb(self, name, timeout=2 * MINUTE):
        self.press(f"[data-verb='{name}']", timeout)

    def state(self):
        found = self.running.desk.state
        return None if found is None else str(found)

    def until(self, *states, timeout=360.0):
        self.running.until(lambda: self.state() in states, timeout)
        return self.state()

    def log(self):
        return self.page.inner_text(".rehearse .log")

    def lead(self, until):
        """Do what is suggested, again and again, until ``until()``."""
        for _ in range(60):
            if until():
                return
            state = self.until(
                "planned", "positioned", "baseline", "armed", "sonicating", "review", "paused",
                "stopped", "faulted", "finished",
            )  # fmt: skip
            suggested = {"planned": "position", "positioned": "take baseline",
                         "baseline": "approve", "review": "confirm"}.get(state)  # fmt: skip
            if any(g.name == "alarm" and not g.holds for g in self.guards()):
                self.verb("acknowledge")
            if state == "armed":
                self.running.until(
                    lambda: all(g.holds for g in self.guards()) or until(), 120.0
                )
                suggested = "sonicate"
            assert state in {
                "sonicating",
                *(["planned", "positioned", "baseline", "armed", "review"]),
            }
            if suggested and not until():
                self.verb(suggested)
            self.running.until(lambda s=state: self.state() != s or until(), 120.0)
        raise AssertionError(f"it did not come to an end: {self.log()[:2000]}")

    def guards(self):
        return self.running.desk.facts.run.status.guards

    @property
    def stage(self):
        return self.running.desk.facts.run.status.stage


@pytest.fixture(scope="module")
def sample(tmp_path_factory, start):
    """A server of its own with the sample head."""
    given = case_source(ROOT / "samples" / "cranium", None, None, phantom=False)
    made, thread = start(tmp_path_factory.mktemp("sample") / "case", given=given)
    made.until(lambda: made.server._server.started)
    yield made
    made.server.end()
    thread.join(60.0)


@pytest.fixture(scope="module")
def operator(sample, chromium):
    """A window whose every error, and every request to elsewhere, is a fault."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    assert AXE.is_file(), "axe-core is missing: run 'python scripts/build_page.py'"
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(MINUTE)
    page, faults = context.new_page(), []
    own = sample.operate.rsplit("/", 2)[0]
    page.on("pageerror", lambda e: faults.append(f"error: {e}"))
    page.on(
        "console",
        lambda m: faults.append(f"console: {m.text}") if m.type == "error" else None,
    )
    page.on(
        "request",
        lambda r: (
            faults.append(f"request: {r.url}")
            if not r.url.startswith((own, "data:", "blob:", own.replace("http", "ws")))
            else None
        ),
    )
    page.goto(sample.operate)
    yield Operator(page, sample, faults)
    context.close()


def test_the_page_says_what_it_is_and_what_comes_first(operator):
    page = operator.page
    expect(page.locator(".disclaimer")).to_contain_text("NICE HTG491")
    expect(page.locator("#sentence")).to_contain_text("Open the sample head")
    expect(page.locator(".seat")).to_contain_text("You operate")
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#stop")).to_be_disabled()
    for key in ("head", "target", "plan", "rehearse", "report"):
        expect(page.locator(f"#step-{key}")).to_be_disabled()
        assert "first" in page.get_attribute(f"#step-{key}", "title")
    operator.picture("0-empty")
    operator.accessible("empty")


def test_images_are_opened_looked_at_and_confirmed(operator):
    page = operator.page
    operator.press("#open-given")
    page.wait_for_selector("#head-canvas[data-shown^='ct@']", timeout=MINUTE)
    page.wait_for_selector("#approve-images:enabled", timeout=2 * MINUTE)
    page.wait_for_selector("#head-canvas[data-shown*='mr@']", timeout=MINUTE)
    expect(page.locator(".side")).to_contain_text("Coverage and quality")
    operator.picture("1-images")
    operator.accessible("images")
    operator.press("#approve-images")


def test_the_head_is_checked_and_commissures_follow_numbers_sliders_and_keys(operator):
    page = operator.page
    page.wait_for_selector("#head-canvas[data-shown*='labels@']", timeout=MINUTE)
    before = float(page.input_value("#ac-0"))
    page.locator("#ac-0").fill(f"{before + 1:.1f}")
    page.locator("#ac-0").press("Tab")
    slider = page.locator("input[aria-label^='AC'][aria-label*='R (right)']")
    assert float(slider.input_value()) == pytest.approx(before + 1, abs=0.5)
    expect(page.locator(".place")).to_contain_text(f"{before + 1:.1f}")
    operator.press("#place-landmarks")
    expect(page.locator(".side")).to_contain_text("given by hand", timeout=MINUTE)
    page.wait_for_selector("#place-landmarks:enabled", timeout=MINUTE)
    page.get_by_role("button", name="Back to what was found").click()
    expect(page.locator("#ac-0")).to_have_value(f"{before:.1f}", timeout=MINUTE)
    operator.picture("2-head")
    operator.accessible("head")
    operator.press("#approve-head")


def test_a_target_in_bone_is_refused_with_its_reason_and_a_named_one_is_approved(operator):
    page = operator.page
    operator.press("#target-name")
    page.locator("#target-2").fill("150")
    page.locator("#target-2").press("Tab")
    expect(page.locator(".side")).to_contain_text("Choose", timeout=MINUTE)
    expect(page.locator("#approve-target")).to_be_disabled()
    expect(page.locator("#step-plan")).to_be_disabled()
    page.wait_for_selector("#target-name:enabled")
    page.select_option("#target-name", "cl-left")
    expect(page.locator(".side")).to_contain_text("Nothing speaks against it", timeout=MINUTE)
    operator.picture("3-target")
    operator.accessible("target")
    operator.press("#approve-target")


def test_a_plan_is_cancelled_made_and_approved(operator):
    page = operator.page
    page.select_option("#engine", "has")
    operator.press("#make-plan")
    operator.press("#cancel")
    page.wait_for_selector("#make-plan:enabled", timeout=2 * MINUTE)
    expect(page.locator(".fault")).to_contain_text("cancelled")
    page.locator(".fault button").click()
    page.select_option("#engine", "ray")
    operator.press("#make-plan")
    page.wait_for_selector("#approve-plan:enabled", timeout=3 * MINUTE)
    page.wait_for_selector("#head-canvas[data-shown*='field@']", timeout=MINUTE)
    page.locator(".helmet").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".helmet-box .told")).to_contain_text(re.compile(r"Element \d+: "))
    page.locator(".helmet-box select").select_option("sdr")
    operator.picture("4-plan-sdr")
    page.locator(".helmet-box select").select_option("state")
    operator.picture("4-plan")
    operator.accessible("plan")
    operator.press("#approve-plan")


def test_a_treatment_is_led_through_align_and_verify(operator):
    page = operator.page
    operator.accessible("rehearse, before")
    page.select_option("#speed", "20", force=True)
    operator.press("#begin")
    operator.until("planned")
    operator.picture("5-planned")
    operator.accessible("planned")
    operator.lead(lambda: operator.stage == "treat" and operator.state() == "sonicating")
    expect(page.locator("#state-words")).to_contain_text("POWER IS ON")
    expect(page.locator("#stop")).to_contain_text("power is on")
    page.wait_for_selector("#slice-canvas[data-frame]", timeout=MINUTE)


def test_a_symptom_is_entered_and_stop_takes_the_power_off(operator):
    page = operator.page
    page.select_option("#speed", "1")
    page.locator(".patient summary").click()
    page.locator("#symptom").fill("a headache")
    page.select_option("#severity", "mild")
    operator.press("#patient-report")
    expect(page.locator(".rehearse .log")).to_contain_text("a headache", timeout=MINUTE)
    page.screenshot(path=PICTURES / "5-power-1280.png")
    if operator.state() != "sonicating":  # it had ended by then: once more
        operator.lead(lambda: operator.state() == "sonicating")
    page.locator("#stop").click()
    expect(page.locator("#stop")).to_contain_text("power is off")
    operator.until("stopped")
    expect(page.locator("#state-words")).to_contain_text("STOPPED")
    assert operator.running.desk.facts.run.status.power_w == 0.0
    operator.picture("5-stopped")
    operator.accessible("stopped")


def test_it_is_resumed_only_with_approval_and_a_reason(operator):
    page = operator.page
    operator.verb("resume")
    expect(page.locator(".rehearse .log")).to_contain_text("Resuming needs a reason")
    page.locator("#why").fill("the headache is gone")
    operator.verb("resume")
    expect(page.locator(".rehearse .log")).to_contain_text("needs an approval first")
    operator.verb("approve")
    page.locator("#why").fill("the headache is gone")
    operator.verb("resume")
    operator.until("positioned")
    operator.press("#patient-well")
    page.select_option("#speed", "20")


def test_escape_stops_and_a_window_that_comes_back_shows_the_true_state(operator):
    page = operator.page
    operator.lead(lambda: operator.state() == "sonicating")
    page.keyboard.press("Escape")
    operator.until("stopped")
    page.reload()
    expect(page.locator("#stop")).to_contain_text("power is off", timeout=MINUTE)
    page.locator("#step-rehearse").click()
    expect(page.locator("#state-words")).to_contain_text("STOPPED", timeout=MINUTE)
    expect(page.locator(".rehearse .log")).to_contain_text("the headache is gone")


def test_another_window_looks_on_and_takes_over_only_by_consent(operator, chromium):
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(MINUTE)
        observer = context.new_page()
        observer.goto(operator.running.observe)
        expect(observer.locator(".seat")).to_contain_text("only looks")
        expect(observer.locator("#stop")).to_be_hidden()
        observer.locator("#step-rehearse").click()
        expect(observer.locator("#state-words")).to_contain_text("STOPPED")
        expect(observer.locator("[data-verb='finish']")).to_be_disabled()
        second = context.new_page()
        second.goto(operator.running.operate)
        expect(second.locator(".seat")).to_contain_text("looks on")
        expect(operator.page.locator(".asking")).to_contain_text("asks to take over")
        operator.page.get_by_role("button", name="Keep it").click()
        second.locator("#take-seat").click()
        operator.page.locator("#give-seat").click()
        expect(second.locator(".seat")).to_contain_text("You operate")
        expect(operator.page.locator("#take-seat")).to_be_visible()
        operator.page.locator("#take-seat").click()
        second.locator("#give-seat").click()
        expect(operator.page.locator(".seat")).to_contain_text("You operate")


def test_it_is_finished_and_the_report_is_read_replayed_and_downloaded(operator):
    page = operator.page
    operator.verb("finish")
    page.wait_for_selector("#to-report", timeout=3 * MINUTE)
    page.wait_for_selector("#step-report:enabled", timeout=3 * MINUTE)
    page.locator("#to-report").click()
    frame = page.frame_locator("#report-frame")
    expect(frame.locator("h1").first).to_be_visible(timeout=MINUTE)
    page.wait_for_selector("#replay-canvas[data-frame]", timeout=MINUTE)
    page.locator("#replay-time").focus()
    page.keyboard.press("Home")
    expect(page.locator("output").filter(has_text="at 0:00")).to_be_visible()
    page.keyboard.press("End")
    operator.picture("6-report")
    operator.accessible("report")
    with page.expect_download() as download:
        page.locator("#download-report").click()
    text = Path(download.value.path()).read_text("utf-8")
    assert text == (run_folder(operator) / "report.html").read_text("utf-8")


def run_folder(operator):
    return operator.running.folder / operator.running.desk.run_folder


def test_the_record_is_whole_and_replays_to_the_same_decisions(operator):
    record = open_record(run_folder(operator) / "record")
    assert record.complete
    verbs = [e.payload.verb for e in record.events if e.payload.kind == "operator_command"]
    assert verbs.count("stop") == 2
    assert {"position", "take baseline", "approve", "sonicate", "confirm", "resume"} <= set(
        verbs
    )
    assert replay_record(run_folder(operator) / "record").identical


def test_nothing_went_wrong_in_the_window_and_nothing_was_asked_of_elsewhere(operator):
    known = ("403", "409")  # refusals that the page shows as sentences
    faults = [f for f in operator.faults if not any(code in f for code in known)]
    assert not faults, json.dumps(faults, indent=1)


def test_a_file_that_is_dropped_on_the_page_becomes_a_head(start, chromium, tmp_path):
    """A real drop, as the window manager sends one: entries and all, not a script's event."""
    ct = tmp_path / "someone.nii.gz"
    ct.write_bytes((ROOT / "samples" / "cranium" / "ct.nii.gz").read_bytes())
    made, thread = start(tmp_path / "case")
    made.until(lambda: made.server._server.started)
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(MINUTE)
        page = context.new_page()
        page.goto(made.operate)
        box = page.locator(".drop").first.bounding_box()
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(ct)], "dragOperationsMask": 1}
        window = context.new_cdp_session(page)
        for kind in ("dragEnter", "dragOver", "drop"):
            window.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
        page.get_by_role("button", name="Open what was uploaded").click()
        page.wait_for_selector("#head-canvas[data-shown^='ct@']", timeout=MINUTE)
        page.wait_for_selector("#approve-images:enabled", timeout=2 * MINUTE)
        assert "someone" not in page.content(), "a file's name may be a person's"
    made.server.end()
    thread.join(60.0)
