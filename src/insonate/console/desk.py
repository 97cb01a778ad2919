"""What the server knows: one case on the table, who operates, what the other process said."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from insonate.console.curves import Curves, Point
from insonate.console.draft import coarse_settings, coarse_source
from insonate.console.engine import Engine
from insonate.console.models import (
    Busy,
    EngineView,
    Note,
    RunView,
    ScenarioView,
    Status,
    View,
    VolumeView,
)
from insonate.console.seat import OperatorSeat
from insonate.console.steps import Facts, steps_of
from insonate.console.words import ENGINES
from insonate.core.provenance import DISCLAIMER, versions
from insonate.events import Finding, Sedation, State, Verb
from insonate.events.documents import OperatorCommand
from insonate.head.mappings import MAPPINGS
from insonate.plant import SCENARIOS
from insonate.session import CaseSource, PlanSettings

MOST_NOTES = 500
"""So many entries of the log are kept for windows; the record has all."""

PATIENCE_S = 60.0
"""A computation that was cancelled may go on for so long before its process is ended."""

VERSION = versions()["insonate"]

_PHANTOM = CaseSource(
    "phantom", None, notes=("The head is an analytic phantom, not a person.",)
)


@dataclass(frozen=True)
class News:
    """What changed since windows were told: points and entries, and which parts are new."""

    points: tuple[Point, ...] = ()
    notes: tuple[Note, ...] = ()
    view: bool = False
    status: bool = False
    frame: bool = False
    urgent: bool = False


Listener = Callable[[News], None]


@dataclass
class Desk:
    """The state of the server; everything runs in its event loop. It changes, so it is an object.

    Parameters
    ----------
    folder
        The case folder: everything is written below it.
    given
        The case that the server was started with, or None.
    draft
        Whether grids are coarse: for practice on a slow machine.
    registry
        Where a registry lies whose report windows may read; empty for none.
    """

    folder: Path
    given: CaseSource | None = None
    draft: bool = False
    registry: str = ""
    seat: OperatorSeat = field(default_factory=OperatorSeat)
    facts: Facts = field(default_factory=Facts)
    volumes: dict[str, VolumeView] = field(default_factory=dict)
    elements: dict[str, Any] = field(default_factory=dict)
    curves: Curves = field(default_factory=Curves)
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=MOST_NOTES))
    uploaded: dict[str, Path] = field(default_factory=dict)
    frame: bytes = b""
    frames: int = 0
    busy: Busy | None = None
    fault: str = ""
    run_folder: str = ""
    listeners: list[Listener] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.engine = Engine(self.folder, self.heard)
        self._leaving = False
        self._cancelling: asyncio.Future[None] | None = None

    # --- the other process ---

    def start(self) -> None:
        """Start the other process; call it inside the event loop."""
        self._loop = asyncio.get_running_loop()
        self.engine.start()

    def leave(self) -> None:
        """End the other process; what it records is finished first."""
        self._leaving = True
        self.engine.end()

    def heard(self, word: str, content: Any) -> None:
        """Pass on what the engine's thread heard to the event loop."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.hear, word, content)

    def hear(self, word: str, content: Any) -> None:
        """Take one message of the other process."""
        handlers: dict[str, Callable[[Any], News]] = {
            "progress": self._progress,
            "fault": self._fault,
            "idle": self._idle,
            "volume": self._volume,
            "head": lambda c: self._know(head=c, target=None, plan=None),
            "target": lambda c: self._know(target=c, plan=None),
            "plan": lambda c: self._know(plan=c),
            "elements": self._keep_elements,
            "run": self._running,
            "status": self._status,
            "frame": self._frame,
            "points": self._points,
            "note": self._note,
            "report": self._report,
            "gone": self._gone,
        }
        handler = handlers.get(word)
        if handler is not None:
            self.tell(handler(content))

    def tell(self, news: News) -> None:
        """Tell every window."""
        for listener in list(self.listeners):
            listener(news)

    def changed(self) -> None:
        """Tell every window that the view changed."""
        self.tell(News(view=True))

    def _progress(self, content: tuple[str, float, str]) -> News:
        stage, done, detail = content
        if self.busy is not None:
            self.busy = self.busy.model_copy(
                update={"stage": stage, "done": done, "detail": detail}
            )
        return News(view=True)

    def _fault(self, sentence: str) -> News:
        self.fault = sentence
        return News(view=True)

    def _idle(self, word: str) -> News:
        self.busy = None
        run = self.facts.run
        if word == "rehearse" and run is not None and not run.over:
            self.facts = replace(self.facts, run=run.model_copy(update={"over": True}))
        return News(view=True, status=True)

    def _volume(self, view: VolumeView) -> News:
        self.volumes[view.name] = view
        return News(view=True)

    def _know(self, **parts: Any) -> News:
        """Know new parts; what was approved of them, and of what follows, is void."""
        void = {"head": {"head", "target", "plan"}, "target": {"target", "plan"}}
        first = next(iter(parts))
        gone = void.get(first, {"plan"})
        self.facts = replace(self.facts, **parts, approved=self.facts.approved - gone)
        return News(view=True)

    def _keep_elements(self, content: dict[str, Any]) -> News:
        self.elements = content
        return News(view=True)

    def _running(self, folder: str) -> News:
        self.run_folder = folder
        return News(view=True)

    def _status(self, status: Status) -> News:
        run = self.facts.run
        if run is None:
            return News()
        before = run.status
        self.facts = replace(self.facts, run=run.model_copy(update={"status": status}))
        points = _points_of(status)
        self.curves.add(points)
        moved = before is None or before.state is not status.state
        return News(points=points, status=True, view=moved, urgent=moved)

    def _frame(self, content: tuple[tuple[Point, ...], bytes]) -> News:
        points, self.frame = content
        self.frames += 1
        self.curves.add(points)
        return News(points=points, frame=True)

    def _points(self, points: tuple[Point, ...]) -> News:
        self.curves.add(points)
        return News(points=points)

    def _note(self, content: tuple[tuple[Point, ...], Note]) -> News:
        points, note = content
        self.curves.add(points)
        self.notes.append(note)
        return News(points=points, notes=(note,), urgent=note.kind == "power_set")

    def _report(self, content: tuple[str, str, Any]) -> News:
        self.run_folder, sentence, score = content
        run = self.facts.run
        if run is not None:
            run = run.model_copy(update={"over": True, "outcome": sentence, "score": score})
        self.facts = replace(self.facts, run=run, report=True)
        return News(view=True)

    def _gone(self, _: Any) -> News:
        if self._leaving:
            return News()
        self.busy, self.volumes = None, {}
        self.fault = self.fault or (
            "The process that computes ended. What it had recorded is kept; open the head again."
        )
        self.facts = Facts()
        self.engine = Engine(self.folder, self.heard)
        self.engine.start()
        return News(view=True)

    # --- what is asked of it ---

    def begin(self, what: str, word: str, content: Any) -> None:
        """Let the other process begin something that takes a while."""
        self.fault = ""
        self.busy = Busy(what=what, stage="", done=0.0, detail="", since=time.time())
        self.engine.say(word, content)
        self.changed()

    def cancel(self) -> None:
        """Cancel what is computed; a process that does not listen for a minute is ended."""
        busy = self.busy
        if busy is not None:
            self.engine.say("cancel")
            self.busy = busy.model_copy(update={"detail": "is being cancelled"})
            self._cancelling = asyncio.ensure_future(self._end_if_deaf(busy.since))
            self.changed()

    async def _end_if_deaf(self, since: float) -> None:
        await asyncio.sleep(PATIENCE_S)
        if self.busy is not None and self.busy.since == since:
            self.fault = "What was computed did not listen and was ended; open the head again."
            self.engine.kill()

    def approve(self, step: str) -> None:
        """Approve a step that is there."""
        self.facts = replace(self.facts, approved=self.facts.approved | {step})
        self.changed()

    def rehearse(self, run: RunView) -> None:
        """Begin a rehearsal."""
        self.curves, self.frame, self.frames = Curves(), b"", 0
        self.notes.clear()
        self.facts = replace(self.facts, run=run, report=False)
        self.begin("rehearse", "rehearse", (run.scenario, run.seed, run.speed))

    def set_speed(self, speed: float) -> None:
        """Go on at another speed."""
        run = self.facts.run
        if run is not None:
            self.facts = replace(self.facts, run=run.model_copy(update={"speed": speed}))
        self.engine.say("speed", speed)
        self.changed()

    def forget(self) -> None:
        """Clear the table: another head is opened."""
        self.facts, self.volumes, self.elements = Facts(), {}, {}
        self.curves, self.frame, self.run_folder = Curves(), b"", ""
        self.notes.clear()

    def stop(self, why: str) -> None:
        """Take the power off, whatever else goes on."""
        command = OperatorCommand(verb=Verb.STOP, who=self.seat.name or "operator", why=why)
        self.engine.say("command", command)

    def beat(self, key: str) -> bool:
        """Take a sign of presence, and pass it on."""
        if not self.seat.beat(key):
            return False
        self.engine.say("present")
        return True

    # --- what is shown ---

    @property
    def treating(self) -> bool:
        """Whether a treatment runs."""
        run = self.facts.run
        return run is not None and not run.over

    @property
    def state(self) -> State | None:
        """The controller's state, or None where nothing runs."""
        run = self.facts.run
        return run.status.state if run is not None and run.status is not None else None

    def view(self, role: str) -> View:
        """Return everything that a window shows."""
        facts = self.facts
        run = None if facts.run is None else facts.run.model_copy(update={"status": None})
        return View(
            disclaimer=DISCLAIMER,
            version=VERSION,
            may_operate=role == "operate",
            seat=self.seat.view(),
            given=self.given.name if self.given else "",
            steps=steps_of(facts),
            busy=self.busy,
            fault=self.fault,
            engines=tuple(
                EngineView(name=name, words=words, seconds=seconds)
                for name, (words, seconds) in ENGINES.items()
            ),
            scenarios=tuple(
                ScenarioView(name=name, description=s.description)
                for name, s in SCENARIOS.items()
            ),
            mappings=tuple(MAPPINGS),
            volumes=tuple(self.volumes.values()),
            head=facts.head,
            target=facts.target,
            plan=facts.plan,
            run=run,
            report=facts.report,
            registry=self.registry != "",
            uploads=tuple(sorted(self.uploaded)),
            finding_names=tuple(str(f) for f in Finding),
            sedation_names=tuple(str(s) for s in Sedation),
        )

    def open(self, source: CaseSource, settings: PlanSettings) -> None:
        """Clear the table, and let a head be opened."""
        self.forget()
        if self.draft:
            source, settings = coarse_source(source), coarse_settings(settings)
        self.begin("open", "open", (source, settings))

    def source(self, what: str) -> CaseSource | None:
        """Return the head that a word names, or None where there is none."""
        if what == "phantom":
            return _PHANTOM
        if what == "given":
            return self.given
        ct = self.uploaded.get("ct")
        return None if ct is None else CaseSource("uploaded", ct, self.uploaded.get("mr"))


def _points_of(status: Status) -> tuple[Point, ...]:
    """Return the energy, and while power is on the predicted band."""
    points = [("energy", status.time_s, status.energy_j / 1e3)]
    if status.state is State.SONICATING and status.approved is not None:
        points += [
            ("low", status.time_s, status.approved.low_degc),
            ("high", status.time_s, status.approved.high_degc),
        ]
    return tuple(points)
