"""Every reachable state of the reduced controller, searched for one that must not be.

The controller itself is run, not a copy of it. It is reduced by what tells its states apart
(``Key``): counts, times and temperatures are left out, guards are one boolean for each
consequence. From each reduced state one concrete state goes on, by every move of ``MOVES``: all
that operator, patient, sensors and faults can bring about. What must never be is judged by
``Judge``, from what was shown and answered alone.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from insonate.control import ControllerState, ControlSettings, initial_state, refusals
from insonate.control.step import step
from insonate.events import Decision, Finding, Observation, State, Verb
from insonate.events.documents import (
    AlarmAcknowledged,
    ArrayReading,
    CavitationReading,
    ClockTick,
    CoolingReading,
    GuardRefused,
    ModelEstimate,
    OperatorCommand,
    PatientReport,
    PowerSet,
    Resteered,
    SonicationReviewed,
    StateChanged,
    TemperatureFrame,
)
from insonate.events.presence import MotionReading, OperatorPresent
from insonate.plan import Stage
from insonate.verification.bench import AFFINE, BODY_DEGC, prescription

Step = Callable[
    [ControllerState, float, Observation, ControlSettings],
    tuple[ControllerState, tuple[Decision, ...]],
]
Shown = tuple[float, Observation]
"""When (s after now), and what."""
Move = Callable[[ControllerState, ControlSettings], tuple[Shown, ...]]

MANY = 10**6
"""No count of sonications ends the search: stages are told apart, not their number."""
TARGET = (0.1e-3, 0.0, 0.0)
ELSEWHERE = (2.0e-3, 0.0, 0.0)


# --- moves -------------------------------------------------------------------------------------


def well(power_w: float) -> tuple[Observation, ...]:
    """Return what every channel shows where all is well."""
    return (
        OperatorPresent(who="explorer"),
        CoolingReading(water_degc=16.0, flow_l_per_min=3.0, dissolved_oxygen_ppm=1.0),
        CavitationReading(subharmonic_db=0.0, ultraharmonic_db=0.0, broadband_db=0.0),
        ModelEstimate(
            skull_max_degc=36.0,
            scalp_max_degc=30.0,
            skull_dose_cem43=0.0,
            scalp_dose_cem43=0.0,
            skull_rise_k_per_kj=0.1,
            scalp_rise_k_per_kj=0.1,
            focus_degc=BODY_DEGC,
        ),
        ArrayReading(power_w=power_w, faulty_elements=0, reflected_share=0.0),
        MotionReading(displacement_m=0.0),
        PatientReport(),
    )


def _power(state: ControllerState) -> float:
    on = state.state is State.SONICATING and state.exposure is not None
    return state.exposure.power_w if on and state.exposure is not None else 0.0


def passing(by_s: float) -> Move:
    """Return the move of time that passes with all well."""

    def move(state: ControllerState, settings: ControlSettings) -> tuple[Shown, ...]:
        del settings
        return tuple((by_s, seen) for seen in well(_power(state)))

    return move


def show(observation: Observation, after_s: float = 0.1) -> Move:
    """Return the move of one observation."""
    return lambda state, settings: ((after_s, observation),)  # noqa: ARG005 - a Move


def ask(verb: Verb, why: str = "explored") -> Move:
    """Return the move of one command."""
    return show(OperatorCommand(verb=verb, who="explorer", why=why))


def frames(peak_degc: float | None, offset_m: tuple[float, float, float]) -> Move:
    """Return the move of a whole sonication that is seen to reach a peak; None: its goal's middle."""

    def move(state: ControllerState, settings: ControlSettings) -> tuple[Shown, ...]:
        run = state.exposure
        if run is None or state.state is not State.SONICATING:
            return ()
        top = sum(settings.goals[run.stage]) / 2.0 if peak_degc is None else peak_degc
        shown: list[Shown] = []
        at_s = run.started_s
        while at_s < run.off_at_s:
            at_s = min(at_s + settings.frame_time_s, run.off_at_s)
            share = math.log1p((at_s - run.started_s) / 1.45) / math.log1p(
                run.duration_s / 1.45
            )
            later_s = at_s - state.time_s
            frame = _frame(state, at_s, (BODY_DEGC + share * (top - BODY_DEGC), offset_m))
            shown += [(later_s, seen) for seen in (*well(run.power_w), frame)]
        return tuple(shown)

    return move


def _frame(
    state: ControllerState, end_s: float, seen: tuple[float, tuple[float, float, float]]
) -> TemperatureFrame:
    return TemperatureFrame(
        sonication=state.sonication,
        frame=1,
        start_s=max(0.0, end_s - 3.4),
        end_s=end_s,
        orientation="axial",
        readout_axis=0,
        slice_affine=AFFINE,
        baseline_degc=BODY_DEGC,
        peak_degc=seen[0],
        mean_degc=seen[0],
        sigma_k=0.3,
        off_target_degc=38.0,
        peak_dose_cem43=0.0,
        off_target_dose_cem43=0.0,
        focus_offset_m=seen[1],
        usable_share=0.9,
        drift_k=0.0,
    )


MOVES: dict[str, Move] = {
    **{str(verb): ask(verb) for verb in Verb},
    "resume without a reason": ask(Verb.RESUME, ""),
    "a second, all well": passing(1.0),
    "half an hour, all well": passing(1801.0),
    "silence": show(ClockTick(), 20.0),
    "clock backwards": show(ClockTick(), -1.0),
    "on target to its goal": frames(None, TARGET),
    "beside the target": frames(None, ELSEWHERE),
    "colder than its goal": frames(39.0, TARGET),
    "hotter than its cap": frames(70.0, TARGET),
    "patient stop": show(PatientReport(stop_pressed=True)),
    "dysarthria": show(PatientReport(finding=Finding.DYSARTHRIA)),
    "cavitation": show(CavitationReading(subharmonic_db=0, ultraharmonic_db=0, broadband_db=13)),
    "pump stops": show(CoolingReading(water_degc=16, flow_l_per_min=0, dissolved_oxygen_ppm=1)),
    "elements die": show(ArrayReading(power_w=0.0, faulty_elements=60, reflected_share=0.0)),
    "drive on": show(ArrayReading(power_w=2000.0, faulty_elements=0, reflected_share=0.0), 2.0),
    "head moves": show(MotionReading(displacement_m=2e-3)),
}  # fmt: skip


# --- what must never be ------------------------------------------------------------------------


@dataclass
class Judge:
    """Follows one path by what was answered alone; tells what must never be."""

    done: frozenset[str] = frozenset()
    review: SonicationReviewed | None = None
    power_w: float = 0.0
    alarms: frozenset[str] = frozenset()
    faults: list[str] = field(default_factory=list)

    def see(
        self, before: ControllerState, after: ControllerState, decisions: tuple[Decision, ...]
    ) -> None:
        """Judge one step."""
        for decision in decisions:
            self._follow(decision)
        on, was = after.state is State.SONICATING, before.state is State.SONICATING
        if on and not was:
            self._started(before, after)
        if self.power_w > 0.0 and not on:
            self.faults.append(f"power on in {after.state}")
        if before.state is State.FINISHED and after.state is not State.FINISHED:
            self.faults.append("finished was left")

    def _started(self, before: ControllerState, after: ControllerState) -> None:
        stage = after.exposure.stage if after.exposure is not None else Stage.TREAT
        needed = {Stage.ALIGN: set(), Stage.VERIFY: {"align"}, Stage.TREAT: {"align", "verify"}}
        if before.state is not State.ARMED:
            self.faults.append(f"power from {before.state}")
        if not needed[stage] <= self.done:
            self.faults.append(f"{stage} before its stages were done")
        if self.alarms:
            self.faults.append("power although an alarm was not acknowledged")

    def _follow(self, decision: Decision) -> None:
        match decision:
            case PowerSet():
                self.power_w = decision.power_w
            case SonicationReviewed():
                self.review = decision
            case Resteered():
                self.done = frozenset()
            case GuardRefused(latching=True):
                self.alarms |= {decision.guard}
            case AlarmAcknowledged():
                self.alarms -= {decision.guard}
            case StateChanged():
                self._change(decision)

    def _change(self, change: StateChanged) -> None:
        if change.trigger in {"confirm", "confirmed while held"} and self.review is not None:
            self.done |= {self.review.stage} if self.review.stage_done else set()
            self.review = None
        if change.trigger == Verb.RESUME and self.alarms:
            self.faults.append("resumed although an alarm was not acknowledged")
        stopped = change.before is State.STOPPED and change.trigger == Verb.RESUME
        if (
            stopped
            or change.trigger in {"position", "head moved"}
            or change.after is State.PLANNED
        ):
            self.done = frozenset()


def guarded(after: ControllerState, settings: ControlSettings) -> bool:
    """Return whether power is off, or every guard says yes."""
    return after.state is not State.SONICATING or not refusals(after, settings)


# --- the search --------------------------------------------------------------------------------

Key = tuple[object, ...]


@dataclass
class Place:
    """One concrete state that stands for a reduced one, and how it was reached."""

    state: ControllerState
    judge: Judge
    path: tuple[str, ...] = ()

    def key(self, settings: ControlSettings) -> Key:
        """Return what tells it apart from others."""
        s, run = self.state, self.state.exposure
        sonicating = s.state is State.SONICATING
        # From an end of power on, what was seen of the sonication counts only until it is reviewed.
        shown = run is not None and (sonicating or s.reviewed != s.sonication)
        return (
            s.state, s.stage, s.confirmed, s.verified, s.hold, s.resume_approved,
            s.approved and s.approved.stage, s.proposed and s.proposed.stage,
            s.review and (s.review.stage, s.review.stage_done),
            run.frames > 0 if shown and run is not None else None,
            bool(s.unreachable), bool(s.alarms), self.judge.done, self.judge.review is None,
            # What else says no, though an alarm does: else a start that only the alarm forbids is lost.
            frozenset(r.guard.cause for r in refusals(replace(s, alarms=()), settings)),
        )  # fmt: skip

    def after(self, name: str, settings: ControlSettings, controller: Step) -> "Place":
        """Return where a move leads, judged at every observation."""
        judge = replace(self.judge, faults=[])
        state, now = self.state, self.state.time_s
        for later_s, observation in MOVES[name](state, settings):
            before = state
            state, decisions = controller(state, now + later_s, observation, settings)
            judge.see(before, state, decisions)
            if not guarded(state, settings):
                judge.faults.append("power on although a guard says no")
        return Place(state, judge, (*self.path, name))


@dataclass(frozen=True)
class Explored:
    """What the search found: how many reduced states and moves, and every unsafe path."""

    states: int
    moves: int
    reached: frozenset[State]
    treated: bool
    """Whether a treat sonication was met: a search that never comes so far proves nothing."""
    unsafe: tuple[str, ...]


def explore(controller: Step = step, *, most: int = 100_000) -> Explored:
    """Search every reachable reduced state, breadth first, up to ``most`` of them."""
    settings = ControlSettings(sonications=dict.fromkeys(Stage, MANY), maximum_sonications=MANY)
    first = Place(initial_state(settings, prescription()), Judge())
    seen, todo, unsafe, moves = {first.key(settings): first}, [first], [], 0
    for place in _growing(todo, most):
        for name in MOVES:
            found = place.after(name, settings, controller)
            moves += 1
            unsafe += [f"{fault}: {' > '.join(found.path)}" for fault in found.judge.faults]
            key = found.key(settings)
            if key not in seen:
                seen[key] = found
                todo.append(found)
    places = list(seen.values())
    treated = any(p.state.state is State.SONICATING and p.state.verified for p in places)
    reached = frozenset(p.state.state for p in places)
    return Explored(len(seen), moves, reached, treated, tuple(unsafe))


def _growing(todo: list[Place], most: int) -> Iterator[Place]:
    """Yield the places of a list that grows while it is read."""
    at = 0
    while at < min(len(todo), most):
        yield todo[at]
        at += 1
