"""Who may forbid power: one predicate per guard. All must say yes, before power and during it.

A predicate returns why it says no, or nothing where it says yes. It asks for permission, never
for danger: what is not known, or not a number, says no. To add a guard, write one predicate in
``predicates``, one row of ``GUARDS`` and one test.
"""

from collections.abc import Callable
from dataclasses import dataclass

from insonate.control.hazards import Hazard
from insonate.control.look import Look
from insonate.control.predicates import order, people, plant, sight, tissue
from insonate.control.settings import ControlSettings
from insonate.control.state import ControllerState
from insonate.control.table import Cause
from insonate.events.documents import GuardRefused
from insonate.events.states import Priority

Predicate = Callable[[Look], str]


@dataclass(frozen=True)
class Guard:
    """One reason why power may be forbidden.

    Parameters
    ----------
    name
        A short name, in the words of ``Limits`` where it has a limit.
    says_no
        The predicate: why not, or nothing.
    clears
        What has to happen for it to say yes again.
    hazard
        What it protects from, and the harm that this could do.
    arises
        How the hazard comes about: what the guard looks for.
    source
        Where guard or threshold come from.
    cause
        What it brings about when it says no under power.
    waiting_helps
        Whether time alone may clear it.
    priority
        Of its alarm, in the words of IEC 60601-1-8.
    """

    name: str
    says_no: Predicate
    clears: str
    hazard: Hazard
    arises: str
    source: str
    cause: Cause = Cause.GUARD
    waiting_helps: bool = True
    priority: Priority = Priority.MEDIUM

    @property
    def latching(self) -> bool:
        """Whether its alarm stays until it is acknowledged: what it brings about tells."""
        return self.cause is not Cause.GUARD


_H = Hazard
_NEVER = False  # waiting does not help
_FRAME = "a fresh frame of good quality"
_COOL = "cooling, or a smaller sonication"
_SMALLER = "a smaller sonication; dose does not go down"
_AGAIN = "resume with a reason; position, references, focus confirmed again"
_SETTING = "setting of this software"
_JEANMONOD = "Jeanmonod et al., Neurosurg. Focus 32:E1 (2012)"
_ITRUSST = "ITRUSST consensus (Aubry et al. 2023)"
_HTG491 = "NICE HTG491, clause 2.4"
_IEC = "IEC 60601-1-8: latching alarm signals, their reset by the operator"
_DOSE = "McDannold et al. (2004), Yarmolenko (2011)"
_FAULT, _PATIENT, _MOVED, _GUARD = Cause.FAULT, Cause.PATIENT, Cause.MOVED, Cause.GUARD
_HIGH, _MEDIUM, _LOW = Priority.HIGH, Priority.MEDIUM, Priority.LOW

GUARDS: tuple[Guard, ...] = (
    Guard("drive", plant.drive, "array off, then resume with a reason", _H.UNASKED_POWER,
          "an amplifier that delivers more than it was told", _SETTING, _FAULT, _NEVER, _HIGH),
    Guard("elements", plant.elements, "service of the array", _H.WRONG_PLACE,
          "elements that fail and distort the focus", _SETTING, _FAULT, _NEVER, _HIGH),
    Guard("reflected power", plant.reflection, "service of the array", _H.WRONG_PLACE,
          "lost matching or a broken cable", _SETTING, _FAULT, _NEVER, _HIGH),
    Guard("patient", people.patient, "the patient says that all is well", _H.SILENT_PATIENT,
          "stop pressed, speech lost, a grave symptom", _HTG491, _PATIENT, priority=_HIGH),
    Guard("neurological finding", people.neurological, "the finding gone, its cause understood",
          _H.WRONG_PLACE, "heat in a neighbour of the target", _HTG491, _PATIENT, priority=_HIGH),
    Guard("sedation", people.sedation, "a patient who answers normally", _H.SILENT_PATIENT,
          "sedation beyond light", f"{_HTG491}: light sedation", _PATIENT, priority=_HIGH),
    Guard("patient asked", people.asked, "the patient asked again", _H.SILENT_PATIENT,
          "nobody asked the patient before this sonication", _SETTING, waiting_helps=_NEVER,
          priority=_LOW),
    Guard("operator", people.operator, "the operator holding the handle", _H.ABSENT_OPERATOR,
          "operator gone, console frozen, connection lost", _SETTING, priority=_HIGH),
    Guard("motion", sight.motion, _AGAIN, _H.WRONG_PLACE, "a head that moves in its frame",
          "setting: half the focus's tolerance", _MOVED, _NEVER, _HIGH),
    Guard("approval", order.approval, "approve the proposed sonication", _H.UNASKED_POWER,
          "a start that nobody meant", _SETTING, waiting_helps=_NEVER, priority=_LOW),
    Guard("alarm", order.alarm, "acknowledge the alarm", _H.ABSENT_OPERATOR,
          "an alarm that nobody heard", _IEC, waiting_helps=_NEVER, priority=_LOW),
    Guard("stage order", order.stage_order, "align confirmed within its tolerance, then verify",
          _H.WRONG_PLACE, "high power before the focus was confirmed",
          f"{_HTG491}: low power confirms the location", waiting_helps=_NEVER, priority=_LOW),
    Guard("cooling", order.cooling, "the end of the wait", _H.HEATED_BONE,
          "sonications too soon after each other", _HTG491, priority=_LOW),
    Guard("session time", order.session_time, "nothing; finish", _H.EXHAUSTION,
          "a session beyond its longest time", _HTG491, waiting_helps=_NEVER),
    Guard("focal temperature", tissue.focal_temperature, "a smaller sonication", _H.OVERHEATING,
          "more heat than predicted", _JEANMONOD, waiting_helps=_NEVER, priority=_HIGH),
    Guard("off-target dose", tissue.off_target_dose, "a smaller or better aimed sonication",
          _H.WRONG_PLACE, "heat beside the target", _DOSE, priority=_HIGH),
    Guard("skull temperature", tissue.skull_temperature, _COOL, _H.HEATED_BONE,
          "bone that absorbs", _ITRUSST),
    Guard("skull dose", tissue.skull_dose, _SMALLER, _H.HEATED_BONE, "bone that stays warm",
          _ITRUSST, waiting_helps=_NEVER),
    Guard("scalp temperature", tissue.scalp_temperature, _COOL, _H.HEATED_BONE,
          "a heated skull under the skin", _ITRUSST),
    Guard("scalp dose", tissue.scalp_dose, _SMALLER, _H.HEATED_BONE, "skin that stays warm",
          _ITRUSST, waiting_helps=_NEVER),
    Guard("power", tissue.power, "a lower power", _H.CAVITATION, "too high a pressure",
          _SETTING, waiting_helps=_NEVER),
    Guard("energy", tissue.energy, "a smaller sonication", _H.HEATED_BONE, "a sonication too long",
          "Clinical series: ablation energies 3.3-36.1 kJ", waiting_helps=_NEVER),
    Guard("session energy", tissue.session_energy, "nothing; finish", _H.HEATED_BONE,
          "too many sonications", _SETTING, waiting_helps=_NEVER),
    Guard("readings", plant.readings, "a reading from each channel", _H.BLINDNESS,
          "a channel that fell silent", _SETTING, priority=_HIGH),
    Guard("water temperature", plant.water_temperature, "colder water", _H.HEATED_BONE,
          "a chiller that fails", _HTG491),
    Guard("water flow", plant.water_flow, "the pump running", _H.HEATED_BONE,
          "a pump that stops", _HTG491, priority=_HIGH),
    Guard("coupling", plant.coupling, "water with less gas", _H.CAVITATION,
          "bubbles in the water between array and scalp", _SETTING),
    Guard("cavitation", plant.cavitation, "quiet, at a lower power", _H.CAVITATION,
          "bubbles at the focus", _JEANMONOD, priority=_HIGH),
    Guard("thermometry age", sight.thermometry_age, _FRAME, _H.BLINDNESS,
          "a frame late or lost", _HTG491, priority=_HIGH),
    Guard("thermometry quality", sight.thermometry_quality, _FRAME, _H.BLINDNESS,
          "noise, artefacts, a corrupt frame", _HTG491, priority=_HIGH),
    Guard("thermometry consistency", sight.thermometry_consistency, _FRAME, _H.BLINDNESS,
          "a frame of another moment or place", _SETTING, priority=_HIGH),
)  # fmt: skip
"""Every guard; their order is that of refusals in the record."""


@dataclass(frozen=True)
class Refusal:
    """A guard that says no, and why."""

    guard: Guard
    why: str

    def told(self, *, stops: bool) -> GuardRefused:
        """Return the decision that says it, with its alarm.

        Parameters
        ----------
        stops
            Whether it ends something. A start that is refused is an answer to somebody who is
            there, and a warning while armed takes nothing away: neither latches.
        """
        return GuardRefused(
            guard=self.guard.name,
            why=self.why,
            clears=self.guard.clears,
            priority=self.guard.priority,
            latching=stops and self.guard.latching,
        )


def refusals(state: ControllerState, settings: ControlSettings) -> tuple[Refusal, ...]:
    """Return the guards that say no now; power may be on only where there is none."""
    look = Look(state, settings)
    off = settings.guards_off
    asked = ((guard, guard.says_no(look)) for guard in GUARDS if guard.name not in off)
    return tuple(Refusal(guard, why) for guard, why in asked if why)
