"""Whether a vessel near the target bleeds: a caricature after the bleed of the series of 2012.

Jeanmonod et al. (Neurosurg. Focus 32:E1, 2012) report one bleed in the target, with ischaemia in the
motor thalamus; afterwards they listened for cavitation and kept peaks below 60 °C. What tore the
vessel is not known. Here it tears where bubbles are loud and the tissue is hot at the same time,
for long enough: both were present, and each of the two measures that were taken would prevent it.
"""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from insonate.events.documents import Point
from insonate.plant.incidents import STRICT


@validated(frozen=True, config=STRICT)
class Vessel:
    """A vessel that may bleed.

    Parameters
    ----------
    offset_m
        Where it lies from the target (CT frame, m).
    bleeds_db
        It is torn by bubbles louder than this over the detector's baseline, dB ...
    bleeds_degc
        ... while it is hotter than this, °C ...
    bleeds_after_s
        ... for so long in all, s.
    """

    offset_m: Point
    bleeds_db: Annotated[float, Field(gt=0.0)]
    bleeds_degc: Annotated[float, Field(gt=37.0)]
    bleeds_after_s: Annotated[float, Field(gt=0.0)]


def strained_s(vessel: Vessel, degc: float, level_db: float, by_s: float) -> float:
    """Return how much of the last ``by_s`` seconds strained the vessel, s."""
    return by_s if degc > vessel.bleeds_degc and level_db > vessel.bleeds_db else 0.0
