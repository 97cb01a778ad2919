"""The payloads of the record: typed, with the unit of each number in the schema.

Observations are what the controller sees; decisions are what it answers; statements describe
the head, the plan and the outcome for whoever reads the record; truths are known only in
simulation. Each kind has its module; here are all of them, and ``Payload``, which is any.
"""

from typing import Annotated

from pydantic import Field

from insonate.events.base import Point, StageName
from insonate.events.decisions import (
    AlarmAcknowledged,
    CommandRefused,
    Decision,
    GuardRefused,
    PowerSet,
    Resteered,
    SonicationEnded,
    SonicationProposed,
    SonicationReviewed,
    StateChanged,
    WaitSet,
)
from insonate.events.observations import (
    ArrayReading,
    CavitationReading,
    ClockTick,
    CoolingReading,
    ModelEstimate,
    Observation,
    OperatorCommand,
    PatientReport,
    TemperatureFrame,
)
from insonate.events.presence import MotionReading, OperatorPresent
from insonate.events.sight import FocusEstimate, StreamNoted
from insonate.events.statements import (
    CorrectionRow,
    HeadDescribed,
    LimitRow,
    PlanDescribed,
    SessionOpened,
    SkullMetric,
    SonicationRow,
)
from insonate.events.truths import (
    Band,
    HarmObserved,
    HeatForecast,
    LesionDescribed,
    NeighbourHeated,
    SessionClosed,
    TruthCurve,
    TruthObserved,
)

Payload = Annotated[
    SessionOpened
    | HeadDescribed
    | PlanDescribed
    | Observation
    | StreamNoted
    | Decision
    | TruthObserved
    | TruthCurve
    | HarmObserved
    | LesionDescribed
    | HeatForecast
    | SessionClosed,
    Field(discriminator="kind"),
]

__all__ = [
    "AlarmAcknowledged",
    "ArrayReading",
    "Band",
    "CavitationReading",
    "ClockTick",
    "CommandRefused",
    "CoolingReading",
    "CorrectionRow",
    "Decision",
    "FocusEstimate",
    "GuardRefused",
    "HarmObserved",
    "HeadDescribed",
    "HeatForecast",
    "LesionDescribed",
    "LimitRow",
    "ModelEstimate",
    "MotionReading",
    "NeighbourHeated",
    "Observation",
    "OperatorCommand",
    "OperatorPresent",
    "PatientReport",
    "Payload",
    "PlanDescribed",
    "Point",
    "PowerSet",
    "Resteered",
    "SessionClosed",
    "SessionOpened",
    "SkullMetric",
    "SonicationEnded",
    "SonicationProposed",
    "SonicationReviewed",
    "SonicationRow",
    "StageName",
    "StateChanged",
    "StreamNoted",
    "TemperatureFrame",
    "TruthCurve",
    "TruthObserved",
    "WaitSet",
]
