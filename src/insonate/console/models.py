"""What the console's interface takes and gives: typed, bounded, with units in the names."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from insonate.events import Finding, Sedation, State, Verb

Millimetres = Annotated[float, Field(ge=-500.0, le=500.0)]
PointMm = tuple[Millimetres, Millimetres, Millimetres]
Text = Annotated[str, Field(max_length=400)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9 -]{0,30}$")]
StepState = Literal["done", "open", "closed"]


class Model(BaseModel):
    """Base of everything that crosses the interface: frozen, unknown fields refused, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# --- what is asked for ---


class OpenHead(Model):
    """Open a head: the case that the server was started with, the phantom, or what was uploaded."""

    what: Literal["given", "phantom", "upload"]
    frequency_khz: float = Field(default=650.0, ge=200.0, le=1000.0)
    mapping: str = Field(default="mcdannold2019", max_length=40)


class PlaceLandmarks(Model):
    """Put the commissures where a person sees them, CT frame, RAS mm."""

    ac_mm: PointMm
    pc_mm: PointMm


class PlaceTarget(Model):
    """Aim at a named target, or at a point, CT frame, RAS mm."""

    name: str | None = Field(default=None, max_length=20)
    point_mm: PointMm | None = None


class MakePlan(Model):
    """Plan with an engine."""

    engine: Literal["ray", "has", "born", "none"] = "ray"


class Begin(Model):
    """Begin a rehearsal."""

    scenario: str = Field(default="cooperative", max_length=64)
    seed: int = Field(default=1, ge=0, le=2**31)
    speed: float = Field(default=1.0, ge=0.1, le=200.0)


class Speed(Model):
    """Go on at another speed: session seconds for each second of the wall."""

    speed: float = Field(ge=0.1, le=200.0)


class Command(Model):
    """What the operator asks the controller for."""

    verb: Verb
    why: Text = ""
    power_w: float | None = Field(default=None, gt=0.0, le=5000.0)
    duration_s: float | None = Field(default=None, gt=0.0, le=120.0)


class PatientWord(Model):
    """What the patient says or does, as the operator hears it."""

    stop_pressed: bool = False
    pain_nrs: int | None = Field(default=None, ge=0, le=10)
    symptom: Annotated[str, Field(max_length=200)] = ""
    severity: Literal["none", "mild", "moderate", "severe"] = "none"
    can_communicate: bool = True
    finding: Finding | None = None
    where: Annotated[str, Field(max_length=60)] = ""
    sedation: Sedation = Sedation.NONE


class TakeSeat(Model):
    """Ask for the operator's seat."""

    name: Name = "operator"


class Answer(Model):
    """Give the seat to who asks for it, or keep it."""

    give: bool


# --- what is shown ---


class Done(Model):
    """A request was taken."""

    sentence: str


class Seat(Model):
    """The operator's seat: ``seat`` goes into the header of whatever changes something."""

    seat: str
    name: str


class SeatView(Model):
    """Who operates, whether a sign of presence came lately, and who asks to take over."""

    taken: bool = False
    name: str = ""
    present: bool = False
    asking: str = ""


class Step(Model):
    """One step along the top: what is done, what is missing, why the next is closed."""

    key: Literal["images", "head", "target", "plan", "rehearse", "report"]
    state: StepState
    sentence: str


class Busy(Model):
    """What is being computed."""

    what: str
    stage: str
    done: float
    detail: str
    since: float
    """Wall clock, s since 1970."""


class Fact(Model):
    """One number or word with its unit."""

    label: str
    value: str
    unit: str = ""


class VolumeView(Model):
    """A volume that can be fetched; ``version`` changes when its content does."""

    name: str
    unit: str
    version: int
    low: float
    high: float


class HeadView(Model):
    """A head as it is shown: CT-frame RAS mm."""

    name: str
    ready: bool
    facts: tuple[Fact, ...]
    notes: tuple[str, ...]
    ac_mm: PointMm | None = None
    pc_mm: PointMm | None = None
    registered: bool = False
    mr_words: str = ""
    target_names: tuple[str, ...] = ()


class Distance(Model):
    """How far the target is from something, mm; None: farther than was looked."""

    to: str
    mm: float | None
    least_mm: float | None


class TargetView(Model):
    """Where the treatment aims."""

    name: str
    point_mm: PointMm
    acpc_mm: PointMm
    error_mm: float
    source: str
    distances: tuple[Distance, ...]
    faults: tuple[str, ...]


class Histogram(Model):
    """How many active elements lie in each bin."""

    label: str
    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]


class PlannedSonication(Model):
    """One sonication of the plan, and what the model expects of it."""

    stage: str
    power_w: float
    duration_s: float
    peak_degc: float
    low_degc: float
    high_degc: float
    skull_degc: float


class LimitView(Model):
    """One cap or threshold."""

    name: str
    value: float
    unit: str
    source: str


class PlanView(Model):
    """The plan in numbers."""

    facts: tuple[Fact, ...]
    notes: tuple[str, ...]
    histograms: tuple[Histogram, ...]
    sonications: tuple[PlannedSonication, ...]
    limits: tuple[LimitView, ...]
    state_names: tuple[str, ...]
    state_counts: tuple[int, ...]
    seconds: float
    """How long planning took."""


class EngineView(Model):
    """An engine, and how long a plan takes with it here, s."""

    name: str
    words: str
    seconds: float


class ScenarioView(Model):
    """A scenario of a rehearsal."""

    name: str
    description: str


class GuardView(Model):
    """A guard: whether it holds; why it does not, and what clears it."""

    name: str
    holds: bool
    why: str
    clears: str
    priority: str
    protects: str


class AlarmView(Model):
    """A latching alarm that nobody has acknowledged yet."""

    name: str
    priority: str
    standing: bool
    """Whether its cause is still there."""
    why: str
    """The guard's sentence while the cause is there; empty once it is gone."""


class ProposalView(Model):
    """A sonication that is proposed or approved."""

    sonication: int
    stage: str
    power_w: float
    duration_s: float
    peak_degc: float
    low_degc: float
    high_degc: float
    limited_by: str


class PatientView(Model):
    """The patient's last word."""

    at_s: float
    pain_nrs: int | None
    symptom: str
    severity: str
    finding: str
    where: str
    sedation: str
    can_communicate: bool
    stop_pressed: bool


class Status(Model):
    """The controller as it stands: everything an operator decides by."""

    state: State
    state_words: str
    next_words: str
    verbs: tuple[Verb, ...]
    suggested: Verb | None
    stage: str
    sonication: int
    time_s: float
    entered_s: float
    power_w: float
    on_s: float
    off_at_s: float | None
    energy_j: float
    session_energy_j: float
    wait_until_s: float
    hold: bool
    lesion: bool
    unreachable: str
    proposed: ProposalView | None
    approved: ProposalView | None
    review: str
    alarms: tuple[AlarmView, ...]
    guards: tuple[GuardView, ...]
    patient: PatientView | None
    readings: tuple[Fact, ...]


class Note(Model):
    """One entry of the log of a treatment."""

    number: int
    time_s: float
    wall: float
    """s since 1970."""
    source: str
    kind: str
    words: str
    alarm: Literal["", "low", "medium", "high"] = ""


class RunView(Model):
    """A rehearsal: how it runs, and how it stands."""

    scenario: str
    description: str
    seed: int
    speed: float
    status: Status | None = None
    over: bool = False
    outcome: str = ""
    score: tuple[Fact, ...] = ()


class View(Model):
    """Everything that a window shows, but for pictures, curves and the log."""

    disclaimer: str
    version: str
    may_operate: bool
    seat: SeatView
    given: str
    steps: tuple[Step, ...]
    busy: Busy | None
    fault: str
    engines: tuple[EngineView, ...]
    scenarios: tuple[ScenarioView, ...]
    mappings: tuple[str, ...]
    volumes: tuple[VolumeView, ...]
    head: HeadView | None
    target: TargetView | None
    plan: PlanView | None
    run: RunView | None
    report: bool
    registry: bool
    """Whether the report of a registry may be read."""
    uploads: tuple[str, ...]
    finding_names: tuple[str, ...]
    sedation_names: tuple[str, ...]
