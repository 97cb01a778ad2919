"""A series of frames as they come: references first, then a temperature map and a dose for each.

The virtual scanner, a folder of files and a live stream all go through ``follow``; it is pure, so
that the same images give the same maps, bit for bit, wherever they came from.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insonate.core import SettingsError
from insonate.heat.dose import DoseVariant
from insonate.thermometry.baseline import Baseline, average_baselines
from insonate.thermometry.checks import complex_image
from insonate.thermometry.dose import DoseMap, accumulate_dose
from insonate.thermometry.protocol import Protocol
from insonate.thermometry.reconstruct import Reconstruction, reconstruct
from insonate.thermometry.regions import Regions, regions_from_references
from insonate.thermometry.thermogram import Thermogram


@dataclass(frozen=True)
class SeriesOptions:
    """How a series is followed.

    Parameters
    ----------
    references
        How many unheated images come first, 1-64.
    baseline_degc
        Their temperature, °C.
    variant
        Which rule of the dose.
    how
        How each map is made.

    Raises
    ------
    SettingsError
        When an option is outside its range.
    """

    references: int = 4
    baseline_degc: float = 37.0
    variant: DoseVariant = DoseVariant.SAPARETO
    how: Reconstruction = field(default_factory=Reconstruction)

    def __post_init__(self) -> None:
        if not (1 <= self.references <= 64 and 0.0 <= self.baseline_degc <= 50.0):
            raise SettingsError(
                f"A series begins with 1 to 64 references at 0 to 50 °C, not with "
                f"{self.references} at {self.baseline_degc:g} °C."
            )


@dataclass(frozen=True, eq=False)
class Series:
    """How far a series has come.

    Parameters
    ----------
    protocol, options
        The header, and how it is followed.
    regions
        Tissue; None until it is guessed from the references.
    waiting
        References that were taken so far, before there are enough.
    baseline
        Their mean, once there are.
    previous
        The last usable map.
    dose
        The dose so far.
    frames
        How many maps were made.
    """

    protocol: Protocol
    options: SeriesOptions = field(default_factory=SeriesOptions)
    regions: Regions | None = None
    waiting: tuple[NDArray[np.complex64], ...] = ()
    baseline: Baseline | None = None
    previous: Thermogram | None = None
    dose: DoseMap | None = None
    frames: int = 0


@dataclass(frozen=True, eq=False)
class Reading:
    """What one frame shows.

    Parameters
    ----------
    frame
        Its number, from 0; references are not counted.
    start_s, end_s
        When it was taken, s.
    thermogram
        The map; a refused one says why.
    dose
        The dose with it; a refused frame adds nothing.
    """

    frame: int
    start_s: float
    end_s: float
    thermogram: Thermogram
    dose: DoseMap


def follow(
    series: Series, image: ArrayLike, window_s: tuple[float, float]
) -> tuple[Series, Reading | None]:
    """Take the next image of a series.

    Parameters
    ----------
    series
        How far it has come.
    image
        Shape (nx, ny), with several coils (coils, nx, ny), complex.
    window_s
        When its acquisition began and ended, s.

    Returns
    -------
    Series, Reading or None
        The series with it, and what it shows; None for a reference.

    Raises
    ------
    ImageError, SettingsError
        When it is not an image of this series, or ends before the last one; the series that was
        given stays as it was.
    """
    start, end = window_s
    if not end > start:
        raise SettingsError(f"An image that began at {start:g} s cannot end at {end:g} s.")
    if series.baseline is None:
        return _with_reference(series, image, end), None
    options = series.options
    found = reconstruct(
        series.baseline,
        image,
        series.protocol,
        regions=series.regions,
        previous=series.previous,
        options=options.how,
    )
    before = series.dose or _no_dose(series, start)
    dose = before
    if not found.refused:
        dose = accumulate_dose(
            before, found, baseline_degc=options.baseline_degc, time_s=0.5 * (start + end)
        )
    after = replace(
        series,
        previous=series.previous if found.refused else found,
        dose=dose,
        frames=series.frames + 1,
    )
    return after, Reading(series.frames, start, end, found, dose)


def _with_reference(series: Series, image: ArrayLike, end_s: float) -> Series:
    checked = complex_image(image, series.protocol, "A reference image")
    waiting = (*series.waiting, checked)
    if len(waiting) < series.options.references:
        return replace(series, waiting=waiting)
    baseline = average_baselines(np.stack(waiting), series.protocol)
    regions = series.regions or regions_from_references(baseline.library)
    ready = replace(series, waiting=(), baseline=baseline, regions=regions)
    return replace(ready, dose=_no_dose(ready, end_s))


def _no_dose(series: Series, time_s: float) -> DoseMap:
    options = series.options
    return DoseMap.start(series.protocol.matrix, options.baseline_degc, time_s, options.variant)
