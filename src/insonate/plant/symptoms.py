"""What an awake patient feels, from where the heat is: a caricature of somatotopy.

The neighbours of a thalamic target are points at which the true temperature is looked at. Their
places are those of a textbook's thalamus, the same for everybody, and whoever is near enough to a
person's own is luck: lateral lies the internal capsule (speech and strength run in it), anterior
and lateral the sensory relay (the hand medial, the foot lateral in it), below the tracts to the
eye muscles, behind and below the cerebellar input. Conduction of nerve is disturbed, reversibly,
from about 41-42 °C on, and for good near 50 °C; the steps between are settings. Nothing here
predicts what a person would feel.
"""

from dataclasses import replace
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from insonate.events.documents import PatientReport, Point
from insonate.events.presence import Finding
from insonate.plant.incidents import STRICT, Severity

STEPS: tuple[tuple[float, Severity], ...] = (
    (41.0, "mild"),
    (44.0, "moderate"),
    (47.0, "severe"),
)
"""Temperature (°C) of a neighbour from which on its finding is so severe."""


@validated(frozen=True, config=STRICT)
class Neighbour:
    """A structure beside the target.

    Parameters
    ----------
    name
        Of the structure.
    lateral_m, anterior_m, superior_m
        Where it lies from the target: away from the midline, forward, up, m.
    finding, where, words
        What its heat brings about, where it is felt, and how the patient says it.
    from_degc
        Its finding begins here, °C.
    """

    name: str
    lateral_m: Annotated[float, Field(ge=-0.03, le=0.03)]
    anterior_m: Annotated[float, Field(ge=-0.03, le=0.03)]
    superior_m: Annotated[float, Field(ge=-0.03, le=0.03)]
    finding: Finding
    words: str
    where: str = ""
    from_degc: Annotated[float, Field(gt=37.0, lt=100.0)] = STEPS[0][0]

    @property
    def offset_m(self) -> Point:
        """Its place from a target on the right, RAS axes, m."""
        return (self.lateral_m, self.anterior_m, self.superior_m)


NEIGHBOURS: tuple[Neighbour, ...] = (
    Neighbour("internal capsule, genu", 8e-3, 4e-3, 0.0, Finding.DYSARTHRIA, "my tongue is heavy"),
    Neighbour("internal capsule, posterior limb", 9e-3, 0.0, -1e-3, Finding.WEAKNESS,
              "my arm gives way", "arm"),
    Neighbour("sensory relay, hand", 5e-3, 3e-3, -2e-3, Finding.PARAESTHESIA,
              "my hand tingles", "hand"),
    Neighbour("sensory relay, foot", 8e-3, 3e-3, -1e-3, Finding.PARAESTHESIA,
              "my foot tingles", "foot"),
    Neighbour("cerebellar input", 3e-3, 2e-3, -5e-3, Finding.ATAXIA, "everything sways"),
    Neighbour("midbrain, tectum", -2e-3, -4e-3, -8e-3, Finding.DIPLOPIA, "I see double"),
)  # fmt: skip
"""Whom a thalamic target has beside it, in this caricature."""


def mirrored(neighbours: tuple[Neighbour, ...]) -> tuple[Neighbour, ...]:
    """Return the neighbours of a target on the left: lateral is the other way."""
    return tuple(replace(n, lateral_m=-n.lateral_m) for n in neighbours)


def severity_at(degc: float, from_degc: float) -> Severity:
    """Return how severe a finding is whose structure is so hot."""
    shift = from_degc - STEPS[0][0]
    found: Severity = "none"
    for least, severity in STEPS:
        if degc >= least + shift:
            found = severity
    return found


_ORDER = ("none", "mild", "moderate", "severe")


def felt(
    neighbours: tuple[Neighbour, ...], degc: tuple[float, ...], told: dict[str, Severity]
) -> tuple[PatientReport | None, dict[str, Severity]]:
    """Return what the patient says now, if it is more than was said before, and what is said now.

    Parameters
    ----------
    neighbours, degc
        The structures, and how hot each is, °C.
    told
        By name how severe each was when the patient last spoke of it.
    """
    for structure, value in zip(neighbours, degc, strict=True):
        now = severity_at(value, structure.from_degc)
        if _ORDER.index(now) <= _ORDER.index(told.get(structure.name, "none")):
            continue
        relief = structure.finding is Finding.PAIN_RELIEF
        report = PatientReport(
            symptom=structure.words,
            severity="none" if relief else now,
            finding=structure.finding,
            where=structure.where,
        )
        return report, {**told, structure.name: now}
    return None, told
