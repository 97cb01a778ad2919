"""Checks of the controller: the whole table, random treatments against an independent witness.

``Witness`` knows nothing of the controller's guards or state; it judges what was shown and what
was answered.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from insonate.control import AutomaticOperator, ControllerState, ControlSettings, initial_state
from insonate.control.step import step
from insonate.control.table import TABLE, TRIGGERS, next_state
from insonate.events import NEUROLOGICAL, Decision, Finding, Observation, Sedation, State, Verb
from insonate.events.documents import (
    AlarmAcknowledged,
    ArrayReading,
    CavitationReading,
    ClockTick,
    CommandRefused,
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
from insonate.events.presence import MotionReading
from insonate.plan import Stage
from insonate.verification.bench import Bench, passing, prescription, treat
from insonate.verification.check import Check, at_least, at_most
from insonate.verification.deciding import drawn_predictions, led
from insonate.verification.exploration import explore
from insonate.verification.latency import frame_latencies, p99_ms, stop_latencies

Step = Callable[
    [ControllerState, float, Observation, ControlSettings],
    tuple[ControllerState, tuple[Decision, ...]],
]

# --- the witness -------------------------------------------------------------------------------


@dataclass
class Witness:
    """Judges a treatment from what was shown and answered alone; counts what must never be."""

    settings: ControlSettings
    power_w: float = 0.0
    since_s: float = 0.0
    off_at_s: float = math.inf
    energy_j: float = 0.0
    sonicating: bool = False
    done: frozenset[str] = frozenset()
    alarms: frozenset[str] = frozenset()
    faults: list[str] = field(default_factory=list)
    review: SonicationReviewed | None = None

    def judge(
        self, time_s: float, observation: Observation, decisions: tuple[Decision, ...]
    ) -> None:
        """Judge one step."""
        self._deliver(time_s)
        for decision in decisions:
            self._follow(time_s, decision)
        if self.power_w > 0.0 and not self.sonicating:
            self.faults.append("power on outside of sonicating")
        danger = _danger(observation, self.settings)
        if self.power_w > 0.0 and danger:
            self.faults.append(f"power on although {danger}")
        if self.energy_j > self.settings.limits.energy.value * (1.0 + 1e-9):
            self.faults.append("energy above its cap")

    def _deliver(self, time_s: float) -> None:
        until = min(time_s, self.off_at_s)
        self.energy_j += self.power_w * max(0.0, until - self.since_s)
        self.since_s = max(self.since_s, until)

    def _follow(self, time_s: float, decision: Decision) -> None:
        match decision:
            case StateChanged():
                self.sonicating = decision.after is State.SONICATING
                self._throw_back(decision)
            case Resteered():
                self.done = frozenset()
            case GuardRefused(latching=True):
                self.alarms |= {decision.guard}
            case AlarmAcknowledged():
                self.alarms -= {decision.guard}
            case SonicationReviewed():
                self.review = decision
            case PowerSet():
                self._drive(time_s, decision)

    def _throw_back(self, change: StateChanged) -> None:
        confirmed = str(Verb.CONFIRM), "confirmed while held"
        if change.trigger in confirmed and self.review is not None and self.review.stage_done:
            self.done |= {self.review.stage}
        stopped = change.before is State.STOPPED and change.trigger == Verb.RESUME
        moved = change.trigger in {str(Verb.POSITION), "head moved"}
        if moved or stopped or change.after is State.PLANNED:
            self.done = frozenset()

    def _drive(self, time_s: float, told: PowerSet) -> None:
        started = told.power_w > 0.0 and self.power_w == 0.0
        if started:
            self.energy_j, self.since_s = 0.0, time_s
            if self.alarms:
                self.faults.append("power on although an alarm was not acknowledged")
        if told.power_w > self.settings.limits.power.value:
            self.faults.append("power above its cap")
        if told.power_w > 0.0 and told.off_at_s is None:
            self.faults.append("power on without an end")
        self.power_w, self.off_at_s = told.power_w, told.off_at_s or math.inf

    def start(self, stage: Stage) -> None:
        """Judge the start of a sonication of ``stage``."""
        needed = {Stage.ALIGN: set(), Stage.VERIFY: {"align"}, Stage.TREAT: {"align", "verify"}}
        if not needed[stage] <= self.done:
            self.faults.append(f"{stage} before its stages were done")


def _danger(observation: Observation, settings: ControlSettings) -> str:
    """Return what in one observation forbids power, by the limits alone."""
    limits, bad = settings.limits, False
    match observation:
        case TemperatureFrame(peak_degc=hot, off_target_dose_cem43=dose):
            bad = hot > limits.focal_temperature.value or dose > limits.off_target_dose.value
        case CoolingReading(water_degc=warm, flow_l_per_min=flow):
            bad = warm > limits.water_temperature.value or flow < limits.water_flow.value
        case CavitationReading(broadband_db=loud):
            bad = loud > limits.cavitation_stop.value
        case ModelEstimate(skull_max_degc=skull, scalp_max_degc=scalp):
            bad = (
                skull > limits.skull_temperature.value or scalp > limits.scalp_temperature.value
            )
        case PatientReport(stop_pressed=pressed, can_communicate=speaks, finding=finding):
            bad = pressed or not speaks or finding in NEUROLOGICAL
        case MotionReading(displacement_m=moved):
            bad = moved > settings.motion_m
        case OperatorCommand(verb=verb):
            bad = verb in {Verb.STOP, Verb.PAUSE, Verb.ABORT}
    return f"the latest {observation.kind} forbids it" if bad else ""


# --- random treatments -------------------------------------------------------------------------


@dataclass
class Scene:
    """A moment of a treatment: what the controller remembers, the plant, the witness."""

    state: ControllerState
    bench: Bench
    witness: Witness
    last: tuple[Decision, ...] = ()

    def copy(self) -> "Scene":
        """Return an independent copy; what is frozen is shared."""
        witness = replace(self.witness, faults=list(self.witness.faults))
        return Scene(self.state, replace(self.bench), witness, self.last)

    def show(
        self, observation: Observation, controller: Step, time_s: float | None = None
    ) -> None:
        """Show one observation to the controller, and let plant and witness see the answer."""
        settings, before = self.witness.settings, self.state.sonication
        now = self.bench.time_s if time_s is None else time_s
        self.state, self.last = controller(self.state, now, observation, settings)
        self.witness.judge(self.state.time_s, observation, self.last)
        if self.state.sonication > before and self.state.exposure is not None:
            self.witness.start(self.state.exposure.stage)
        for decision in self.last:
            self.bench.obey(decision)


def course(*, controller: Step = step, tick_s: float = 3.4) -> list[Scene]:
    """Return every moment of the usual treatment of the bench, as scenes to start from."""
    settings = ControlSettings()
    operator = AutomaticOperator(settings)
    scene = Scene(initial_state(settings, prescription()), Bench(), Witness(settings))
    scenes = []
    while scene.state.state is not State.FINISHED:
        scenes.append(scene.copy())
        command = operator(scene.state, scene.last, scene.bench.time_s)
        seen = (command,) if command is not None else passing(scene.bench, tick_s)
        for observation in (PatientReport(), *seen):
            scene.show(observation, controller)
    return scenes


def random_treatment(
    rng: np.random.Generator, scene: Scene, steps: int, controller: Step = step
) -> list[str]:
    """Return what went wrong in a random treatment from ``scene`` on: usual course, much trouble."""
    operator = AutomaticOperator(scene.witness.settings)
    scene.bench.rng = rng
    scene.bench.k_per_w *= float(rng.uniform(0.3, 3.0))
    for _ in range(steps):
        command = operator(scene.state, scene.last, scene.bench.time_s)
        for observation in _random_view(rng, scene.bench, command):
            lost = rng.random() < 0.002
            scene.show(observation, controller, scene.bench.time_s - 5.0 if lost else None)
    scene.show(OperatorCommand(verb=Verb.STOP, who="witness"), controller)
    return scene.witness.faults


def _random_view(
    rng: np.random.Generator, bench: Bench, command: OperatorCommand | None
) -> tuple[Observation, ...]:
    """Return what is seen next: the usual, or one of many troubles."""
    dice = rng.random()
    if dice < 0.04:
        verb = list(Verb)[int(rng.integers(len(Verb)))]
        power = float(rng.uniform(0.0, 3000.0)) if rng.random() < 0.5 else None
        return (OperatorCommand(verb=verb, who="random", why="random", power_w=power),)
    if command is not None:
        return (PatientReport(), command)
    quiet = bench.power_w == 0.0 and bench.sonication > 0
    bench.advance(
        float(rng.choice([0.5, 3.4, 60.0])) if quiet else float(rng.choice([0.2, 1.0, 3.4]))
    )
    if dice < 0.10:
        return (_trouble(rng, bench),)
    return (PatientReport(), *bench.readings())


def _trouble(rng: np.random.Generator, bench: Bench) -> Observation:
    """Return one bad observation."""
    size = float(rng.uniform(0.0, 30.0))
    found: tuple[Observation, ...] = (
        PatientReport(stop_pressed=True),
        PatientReport(can_communicate=False),
        PatientReport(symptom="dysarthria", severity="severe"),
        PatientReport(finding=Finding.PARAESTHESIA, where="right hand"),
        PatientReport(sedation=Sedation.MODERATE),
        MotionReading(displacement_m=size * 1e-4),
        CoolingReading(water_degc=10.0 + size, flow_l_per_min=3.0, dissolved_oxygen_ppm=1.0),
        CoolingReading(water_degc=15.0, flow_l_per_min=size / 10.0, dissolved_oxygen_ppm=1.0),
        CavitationReading(subharmonic_db=0.0, ultraharmonic_db=0.0, broadband_db=size),
        bench.estimate().model_copy(update={"skull_max_degc": 35.0 + size}),
        bench.show().model_copy(update={"peak_degc": 40.0 + size}),
        bench.show().model_copy(update={"off_target_dose_cem43": size}),
        bench.show().model_copy(update={"usable_share": size / 30.0}),
        ArrayReading(power_w=bench.power_w, faulty_elements=int(size * 4), reflected_share=0.1),
        ArrayReading(power_w=bench.power_w + 100.0, faulty_elements=0, reflected_share=0.1),
        ClockTick(),
    )
    return found[int(rng.integers(len(found)))]


def violations(
    count: int, *, seed: int = 6, steps: int = 16, controller: Step = step
) -> list[str]:
    """Return everything that ``count`` random treatments did that must never be.

    Each starts at a random moment of the usual course, so that every stage is met.
    """
    rng, scenes = np.random.default_rng(seed), course(controller=controller)
    starts = (scenes[int(rng.integers(len(scenes)))].copy() for _ in range(count))
    return [
        fault for scene in starts for fault in random_treatment(rng, scene, steps, controller)
    ]


# --- the table ---------------------------------------------------------------------------------


def table_mismatches(controller: Step = step) -> int:
    """Return in how many (state, verb) pairs the controller does not do as the table says.

    Each state is set up bare, without proposal, approval or review: a legal verb may then still
    be refused by what it needs, but never go elsewhere; an illegal one is refused, unchanged.
    """
    settings = ControlSettings()
    bare = initial_state(settings, prescription())
    wrong = 0
    for state in State:
        for verb in Verb:
            start = replace(bare, state=state)
            command = OperatorCommand(verb=verb, who="table", why="table")
            after, decisions = controller(start, 0.0, command, settings)
            legal = next_state(state, verb)
            refused = any(isinstance(d, CommandRefused) and d.why for d in decisions)
            wrong += not (
                after.state in {state, legal} if legal else refused and after.state is state
            )
    return wrong


def reachable_without(forbidden: set[tuple[State, object]]) -> set[State]:
    """Return the states that the table reaches from PLANNED without the forbidden steps."""
    seen, todo = {State.PLANNED}, [State.PLANNED]
    while todo:
        state = todo.pop()
        for trigger, after in TABLE[state].items():
            if (state, trigger) not in forbidden and after not in seen:
                seen.add(after)
                todo.append(after)
    return seen


def checks() -> Iterator[Check]:
    """Yield every number of the controller's area."""
    own = "the table of states and triggers"
    yield at_most(
        "control", "(state, verb) pairs not as the table says", table_mismatches(), 0, "1", own
    )
    unarmed = {(state, Verb.APPROVE) for state in State}
    reached = State.SONICATING in reachable_without({*unarmed})
    yield at_most("control", "ways to power without an approval", reached, 0, "1", own)
    ends = sum(next_state(State.FINISHED, trigger) is not None for trigger in TRIGGERS)
    yield at_most("control", "ways out of finished", ends, 0, "1", own)
    yield from _searched()
    yield at_most(
        "control", "violations in 2,000 random treatments", len(violations(2000)), 0, "1",
        "an independent witness: limits, order of stages, power off after every stop",
    )  # fmt: skip
    yield at_most(
        "control", "frame in to decision, 99th percentile", p99_ms(frame_latencies(1000)), 50.0,
        "ms", "power off within 50 ms of the event",
    )  # fmt: skip
    yield at_most(
        "control", "event to power off, 99th percentile", p99_ms(stop_latencies(550)), 50.0,
        "ms", "eleven kinds of events; recorded after the power is off",
    )  # fmt: skip
    yield from _decided()
    yield from _treatment_checks()


def _searched() -> Iterator[Check]:
    """Yield what the search of all reachable reduced states finds."""
    found, own = (
        explore(),
        "the controller itself, every move of operator, patient, sensors, faults",
    )
    unsafe, missed = len(found.unsafe), len(set(State) - found.reached)
    yield at_most("control", "unsafe ways among all reachable states", unsafe, 0, "1", own)
    yield at_least("control", "reduced states searched", found.states, 2000, "1", own)
    yield at_most("control", "states that the search did not meet", missed, 0, "1", own)
    yield at_least("control", "treat sonications met in the search", found.treated, 1, "1", own)


def _decided() -> Iterator[Check]:
    """Yield how well powers are predicted and decided."""
    own = "benches whose efficiency differs by a factor and falls by up to 20 % a sonication"
    found = drawn_predictions(40)
    within = float(np.mean([p.within for p in found]))
    yield at_least(
        "control", "measured peaks within the predicted 90 % band", within, 0.9, "1", own
    )
    error = float(np.sqrt(np.mean([(p.peak - p.measured) ** 2 for p in found])))
    yield at_most(
        "control", "predicted against measured peak, root mean square", error, 3.0, "K", own
    )
    hottest = max(led(ControlSettings(), 20).hottest_degc)
    own = "benches that heat up to 1.3 times as well from one sonication to the next"
    yield at_most("control", "hottest true focus where it heats better than predicted", hottest, 60.0, "degC", own)  # fmt: skip


def slow_checks() -> Iterator[Check]:
    """Yield the checks that take minutes."""
    yield at_most(
        "control", "violations in 20,000 random treatments", len(violations(20_000, seed=11)), 0,
        "1", "an independent witness: limits, order of stages, power off after every stop",
    )  # fmt: skip


def _treatment_checks() -> Iterator[Check]:
    """Yield what the automatic operator reaches on the bench, and where it may not."""
    bench = "a bench of closed forms: focus 1.7 mm off, ln(1 + t/τ) heating"
    good = treat(Bench())
    yield at_least("control", "bench: lesion made", good.state.lesion, 1, "1", bench)
    hottest = good.state.worst.focal_temperature
    yield at_most("control", "bench: hottest measured focus", hottest, 60.0, "degC", bench)
    again = treat(Bench())
    same = good.decisions == again.decisions
    yield at_least("control", "bench: decisions repeated bit for bit", same, 1, "1", bench)
    hard = treat(Bench(k_per_w=0.004, skull_k_per_kj=1.5))
    yield at_most("control", "hard skull: lesion made", hard.state.lesion, 0, "1", bench)
    worst = hard.state.worst.skull_temperature
    yield at_most("control", "hard skull: hottest skull", worst, 47.0, "degC", bench)
    said = "cannot be reached" in hard.state.unreachable
    yield at_least("control", "hard skull: the reason is said", said, 1, "1", bench)
