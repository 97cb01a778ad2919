"""The other process: reads heads, plans, rehearses, and keeps the record. Nobody waits for it.

One thread computes. Another listens, and passes on at once what must not wait: stop, the patient's
words, signs of presence. A third tells the server, so that nothing that computes or records ever
waits for a window. When the server is gone the treatment is stopped and finished in order.
"""

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numba
import numpy as np

from insonate.console import described
from insonate.console.curves import points_of
from insonate.console.draft import protocol_for
from insonate.console.frames import pack_frame
from insonate.console.models import Fact, Note
from insonate.console.status import status_of
from insonate.console.words import QUIET, alarm, said
from insonate.control import ControllerState, ControlSettings
from insonate.core import InsonateError, Volume
from insonate.events import Event, Verb
from insonate.events import documents as doc
from insonate.head import Landmarks, acpc_to_ct
from insonate.heat.advance import initial_state
from insonate.heat.prediction import predict
from insonate.plan import Target, named_target, target_at
from insonate.plan.targets import TARGET_NAMES
from insonate.plant import scenario_named
from insonate.record.writing import Arrays
from insonate.report import render_report
from insonate.session import CaseSource, PlanSettings, PreparedCase, RehearsalSettings
from insonate.session.case import rehearse_plan
from insonate.session.live import ConsoleOperator, Live
from insonate.session.prepare import Anatomy, plan_anatomy, read_anatomy
from insonate.session.room import REPORT
from insonate.session.scoring import score

NICE = 5
"""What computes yields to what answers: the server and the browser on the same machine."""

PROGRESS_EVERY_S = 0.1
STATUS_EVERY_S = 0.1
"""Progress and the controller's state are told ten times a second, changes of state at once."""

Message = tuple[str, Any]


@contextmanager
def _one_core_free() -> Iterator[None]:
    """Compute with one core less: while a treatment runs, what answers a hand has it to itself."""
    before = numba.get_num_threads()
    numba.set_num_threads(max(1, before - 1))
    try:
        yield
    finally:
        numba.set_num_threads(before)


class CancelledError(InsonateError):
    """What was computed is no longer wanted."""


def run(pipe: Connection, folder: str) -> None:
    """Work until the server says goodbye or is gone; the entry of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says goodbye
    with suppress(AttributeError, OSError):  # not on every system
        os.nice(NICE)
    Worker(pipe, Path(folder)).run()


@dataclass
class _Case:
    """What is on the table: changes as the steps are done."""

    source: CaseSource | None = None
    settings: PlanSettings | None = None
    anatomy: Anatomy | None = None
    target: Target | None = None
    prepared: PreparedCase | None = None
    version: int = 0


class Worker:
    """One process beside the server. It is an object because cases come and go in it."""

    def __init__(self, pipe: Connection, folder: Path) -> None:
        self._pipe, self._folder = pipe, folder
        self._tasks: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._out: queue.SimpleQueue[Callable[[], Message | None] | None] = queue.SimpleQueue()
        self._case = _Case()
        self._live: Live | None = None
        self._cancelled = threading.Event()
        self._told_s = 0.0
        self._latest: tuple[ControllerState, ControlSettings] | None = None
        self._shown: tuple[str, float] = ("", 0.0)

    def run(self) -> None:
        """Do one task after the other."""
        threading.Thread(target=self._listen, daemon=True).start()
        teller = threading.Thread(target=self._tell_all, daemon=True)
        teller.start()
        self._tell("ready", None)
        while (task := self._tasks.get()) is not None:
            self._do(*task)
        self._out.put(None)
        teller.join(timeout=5.0)

    # --- listening ---

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                word, content = self._pipe.recv()
                if word == "goodbye":
                    break
                self._hear(word, content)
        self._alone()

    def _hear(self, word: str, content: Any) -> None:
        live = self._live
        if word == "cancel":
            self._cancelled.set()
        elif word not in {"command", "patient", "present", "speed"}:
            self._tasks.put((word, content))
        elif live is not None:
            match word:
                case "command":
                    live.ask(content)
                case "patient":
                    live.report(content)
                case "speed":
                    live.set_speed(content)
                case _:
                    live.present()

    def _alone(self) -> None:
        """Stop and finish what runs, for nobody can any more; then end."""
        self._cancelled.set()
        if self._live is not None:
            why = "the console is gone"
            for verb in (Verb.STOP, Verb.FINISH):
                self._live.ask(doc.OperatorCommand(verb=verb, who="console", why=why))
        self._tasks.put(None)

    # --- telling ---

    def _tell(self, word: str, content: Any) -> None:
        self._out.put(lambda: (word, content))

    def _tell_all(self) -> None:
        with suppress(OSError, ValueError):
            while (make := self._out.get()) is not None:
                message = make()
                if message is not None:
                    self._pipe.send(message)

    def _progress(self, stage: str, done: float, detail: str = "") -> None:
        if self._live is None and self._cancelled.is_set():
            raise CancelledError("It was cancelled.")
        now = time.monotonic()
        if now - self._told_s >= PROGRESS_EVERY_S or done >= 1.0:
            self._told_s = now
            self._tell("progress", (stage, done, detail))

    # --- tasks ---

    def _do(self, word: str, content: Any) -> None:
        tasks: dict[str, Callable[[Any], None]] = {
            "open": self._open,
            "landmarks": self._landmarks,
            "target": self._target,
            "plan": self._plan,
            "rehearse": self._rehearse,
        }
        self._cancelled.clear()
        try:
            tasks[word](content)
        except InsonateError as error:
            self._tell("fault", str(error))
        except Exception as error:  # noqa: BLE001 - the process must live on to say what went wrong
            self._tell("fault", f"{word.capitalize()} failed inside ({type(error).__name__}).")
        self._tell("idle", word)

    def _store(self, shown: dict[str, described.Stored]) -> None:
        self._case.version += 1
        for name, volume in shown.items():
            view = described.store(self._folder / "volumes", name, volume, self._case.version)
            self._tell("volume", view)

    def _open(self, content: tuple[CaseSource, PlanSettings]) -> None:
        source, settings = content
        self._case = _Case(source, settings, version=self._case.version)

        def seen(ct: Volume) -> None:
            self._store({"ct": described.ct_shown(ct)})

        anatomy = read_anatomy(source, settings, self._progress, seen=seen)
        self._case.anatomy = anatomy
        self._store(described.head_shown(anatomy))
        self._tell("head", described.head_view(source.name, anatomy))
        self._aim(settings.target, None)

    def _anatomy(self) -> Anatomy:
        if self._case.anatomy is None:
            raise CancelledError("No head is open.")
        return self._case.anatomy

    def _landmarks(self, content: tuple[Any, Any]) -> None:
        anatomy = self._anatomy()
        ac, pc = (np.array(point) * 1e-3 for point in content)
        found = anatomy.head.landmarks
        marks = Landmarks(ac, pc, found.superior, found.error_m, "given by hand")
        acpc_to_ct(marks)  # refuses what cannot be
        head = replace(anatomy.head, landmarks=marks)
        self._case.anatomy = replace(anatomy, head=head)
        self._case.prepared = None
        self._tell("head", described.head_view(self._source().name, self._case.anatomy))
        target = self._case.target
        if target is not None:
            by_hand = target.name not in TARGET_NAMES
            self._aim(None if by_hand else target.name, 1e3 * target.point if by_hand else None)

    def _source(self) -> CaseSource:
        if self._case.source is None:
            raise CancelledError("No head is open.")
        return self._case.source

    def _target(self, content: tuple[str | None, Any]) -> None:
        self._aim(*content)

    def _aim(self, name: str | None, point_mm: Any) -> None:
        head = self._anatomy().head
        if point_mm is not None:
            target = target_at(np.array(point_mm) * 1e-3)
        else:
            target = named_target(name or "cl-left", head.landmarks)
        self._case.target, self._case.prepared = target, None
        self._tell("target", described.target_view(head, target))

    def _plan(self, engine: str) -> None:
        case, began = self._case, time.monotonic()
        if case.target is None or case.settings is None:
            raise CancelledError("No target was chosen.")
        x, y, z = (1e3 * float(v) for v in case.target.point)
        settings = replace(
            case.settings,
            engine=engine,
            target_ras_mm=None if case.target.name != "by hand" else (x, y, z),
            target=case.target.name if case.target.name != "by hand" else "cl-left",
        )
        prepared = plan_anatomy(self._anatomy(), self._source(), settings, self._progress)
        self._progress("Predicting the treat sonication", 0.0)
        rest = initial_state(
            prepared.thermal, water_degc=scenario_named("cooperative").water_degc
        )
        treat = prepared.prescription.sonications[-1]
        hot = predict(prepared.thermal, rest, prepared.heating.source, treat, every_s=5.0)
        case.prepared = prepared
        self._store(described.plan_shown(prepared, hot.state.fine_peak_degc))
        self._tell("elements", described.elements_of(prepared))
        self._tell("plan", described.plan_view(prepared, time.monotonic() - began))

    # --- the rehearsal ---

    def _rehearse(self, content: tuple[str, int, float]) -> None:
        prepared, (name, seed, speed) = self._case.prepared, content
        if prepared is None:
            raise CancelledError("There is no plan.")
        scenario = scenario_named(name)
        live = Live(speed, told=self._told, watch=self._watched)
        settings = RehearsalSettings(
            name,
            seed,
            protocol_for(prepared.settings),
            operator=lambda _: ConsoleOperator(live),
            live=live,
        )
        self._live, self._latest = live, None
        try:
            folder = _new_folder(self._folder)
            self._tell("run", folder.name)
            with _one_core_free():
                record = rehearse_plan(prepared, settings, folder, progress=self._progress)
        finally:
            self._live = None
        self._cancelled.clear()  # the report of what was done is written, whoever is gone
        self._progress("Writing the report", 0.1)
        render_report(record, folder / REPORT)
        points = tuple(
            Fact(label=p.objective, value=p.found, unit="reached" if p.reached else "missed")
            for p in score(record.events, scenario)
        )
        closed = record.events[-1].payload
        sentence = closed.sentence if isinstance(closed, doc.SessionClosed) else ""
        self._tell("report", (folder.name, sentence, points))

    def _told(self, event: Event, arrays: Arrays) -> None:
        kept = dict(arrays) if isinstance(event.payload, doc.TemperatureFrame) else {}
        self._out.put(lambda: self._event(event, kept))

    def _event(self, event: Event, arrays: Arrays) -> Message | None:
        """Return what is told of an event; made by the thread that tells, not by the one that records."""
        wall = event.wall.timestamp()
        frame = event.payload
        if isinstance(frame, doc.TemperatureFrame) and self._case.target is not None:
            x, y, z = (float(v) for v in self._case.target.point)
            return "frame", (points_of(event), pack_frame(frame, arrays, (x, y, z), wall))
        if frame.kind in QUIET:
            points = points_of(event)
            return ("points", points) if points else None
        note = Note(
            number=event.sequence,
            time_s=event.time_s,
            wall=wall,
            source=str(event.source),
            kind=frame.kind,
            words=said(event),
            alarm=alarm(event),  # type: ignore[arg-type]
        )
        return "note", (points_of(event), note)

    def _watched(self, state: ControllerState, settings: ControlSettings) -> None:
        self._latest = (state, settings)
        self._out.put(self._status)

    def _status(self) -> Message | None:
        """Return the newest state, where it changed or was not told for a while."""
        latest, now = self._latest, time.monotonic()
        if latest is None:
            return None
        state = str(latest[0].state)
        if state == self._shown[0] and now - self._shown[1] < STATUS_EVERY_S:
            return None
        self._latest, self._shown = None, (state, now)
        return "status", status_of(*latest)


def _new_folder(parent: Path) -> Path:
    """Return a folder for one more rehearsal: a record is never written over."""
    number = 1
    while (folder := parent / f"run-{number}").exists():
        number += 1
    folder.mkdir(parents=True)
    return folder
