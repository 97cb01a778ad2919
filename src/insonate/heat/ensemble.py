"""How sure a prediction is: members whose properties differ as the sources do.

The heat problem is linear in the source while properties are fixed, so absorption in brain and
bone, the quality of the focus and a shift of it need no computation of their own: they scale or
move what one run gives. Conductivity and perfusion change the run itself, which is made in the
neighbourhood of the focus (``local``), once for each member. The skull's rise is that of the unit
response times the member's share of bone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import pi
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates
from scipy.stats import norm, qmc, triang

from insonate.core import SettingsError, Tissue
from insonate.core.arrays import frozen
from insonate.core.tissue import TISSUES
from insonate.heat.local import (
    COOL_S,
    LocalRun,
    Neighbourhood,
    changed,
    grid_of,
    neighbourhood,
    sonicate,
)
from insonate.heat.model import HeatSource, ThermalModel, ThermalState
from insonate.heat.prediction import UnitResponse
from insonate.plan.model import Sonication

Floats = NDArray[np.float64]

_BRAIN, _SKULL = TISSUES[Tissue.BRAIN], TISSUES[Tissue.SKULL]


@dataclass(frozen=True)
class Range:
    """A factor on the plan's value: triangular in its logarithm, with the source of its ends."""

    low: float
    high: float
    source: str
    mode: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.mode <= self.high:
            raise SettingsError(
                f"A range of factors goes from {self.low} over {self.mode} to {self.high}; it must "
                "be positive and rise."
            )

    def at(self, part: Floats) -> Floats:
        """Return the factor below which a part (0-1) of the members lie."""
        low, mode, high = (float(np.log(v)) for v in (self.low, self.mode, self.high))
        if high <= low:
            return np.full(part.shape, self.mode)
        log: Floats = triang.ppf(part, (mode - low) / (high - low), loc=low, scale=high - low)
        return np.exp(log)


def _relative(name: str, tissue: Tissue = Tissue.BRAIN) -> Range:
    """Return the range of the tissue table, relative to its value."""
    quantity = getattr(TISSUES[tissue], name)
    return Range(quantity.low / quantity.value, quantity.high / quantity.value, quantity.source)


def _table() -> Mapping[str, Range]:
    conductivity = (
        "Setting: ±10 %, about the spread of measured brain conductivities (IT'IS 4.1)"
    )
    speed = "Robertson et al. 2017: sound speed of skull must be known to 4 %"
    return MappingProxyType(
        {
            "brain_absorption": _relative("attenuation"),
            "bone_share": _relative("absorbed_share", Tissue.SKULL),
            "perfusion": _relative("perfusion"),
            "conductivity": Range(0.9, 1.1, conductivity),
            "skull_speed": Range(0.96, 1.04, speed),
        }
    )


@dataclass(frozen=True)
class Spread:
    """What members differ in.

    Parameters
    ----------
    factors
        Range of the factor on each property.
    registration_m
        Standard deviation of the focus's place along each axis, m.
    thickness_m
        Standard deviation of the skull's thickness over the elements, m: an error of the sound
        speed is a phase error that grows with thickness.
    """

    factors: Mapping[str, Range] = field(default_factory=_table)
    registration_m: float = 0.5e-3
    thickness_m: float = 1.5e-3


SHIFTS = ("shift_right_m", "shift_anterior_m", "shift_superior_m")


@dataclass(frozen=True, eq=False)
class Members:
    """The properties of each member: factors, and the shift of the focus (m).

    ``values`` maps a name to an array of shape (members,).
    """

    values: Mapping[str, Floats]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(next(iter(self.values.values())))

    def shift_m(self, member: int) -> Floats:
        """Return by how much the focus of one member is shifted, shape (3,)."""
        return np.array([self.values[name][member] for name in SHIFTS])


def draw_members(count: int, *, spread: Spread | None = None, seed: int = 1) -> Members:
    """Draw members by a Latin hypercube: each property is spread evenly over its range.

    Parameters
    ----------
    count
        How many, at least 2.
    spread
        What they differ in.
    seed
        The same seed gives the same members.

    Returns
    -------
    Members

    Raises
    ------
    SettingsError
        When there are fewer than 2.
    """
    if count < 2:
        raise SettingsError(f"An ensemble of {count} members has no spread; ask for 2 or more.")
    wanted = spread or Spread()
    names = (*wanted.factors, *SHIFTS)
    # reproducible, and independent of the order in which properties are listed elsewhere
    parts = qmc.LatinHypercube(len(names), seed=np.random.default_rng(seed)).random(count)
    values = {name: r.at(parts[:, i]) for i, (name, r) in enumerate(wanted.factors.items())}
    for i, name in enumerate(SHIFTS, start=len(wanted.factors)):
        values[name] = wanted.registration_m * norm.ppf(parts[:, i])
    return Members(MappingProxyType({n: frozen(v, np.float64) for n, v in values.items()}))


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one sonication does to each member; arrays of shape (members,).

    ``peak_degc`` is the highest temperature at the focus, ``target_degc`` that at the target,
    ``rise_k`` the rise of the focus; ``volume_mm3`` and ``diameter_mm`` are of the region above 240
    CEM43 (the diameter of a ball of its volume), ``skull_degc`` the skull's maximum.
    """

    peak_degc: Floats
    target_degc: Floats
    rise_k: Floats
    volume_mm3: Floats
    diameter_mm: Floats
    skull_degc: Floats


LESION_CEM43 = 240.0


def predict_members(  # noqa: PLR0913 - a head, how warm, what heats, who, what is done
    model: ThermalModel,
    state: ThermalState,
    source: HeatSource,
    response: UnitResponse,
    members: Members,
    sonication: Sonication,
    *,
    spread: Spread | None = None,
    half_width_m: float = 9e-3,
) -> Prediction:
    """Predict one sonication for every member.

    Parameters
    ----------
    model, state, source
        The head, how warm it is, its heat for each watt: the plan's.
    response
        What one watt does to the skull in as long a sonication.
    members
        Who.
    sonication
        Power and duration.
    spread
        Gives the spread of the skull's thickness.
    half_width_m
        Of the neighbourhood that is computed.

    Returns
    -------
    Prediction
    """
    place = neighbourhood(model, state, source, half_width_m)
    rows = [
        _one(model, place, members, member, sonication, spread or Spread())
        for member in range(members.count)
    ]
    peak, target, rise, volume = (np.array(column) for column in zip(*rows, strict=True))
    share = members.values["bone_share"]
    skull = skull_maxima(state, response, share * sonication.power_w)
    diameter = (6e9 * volume / pi) ** (1 / 3)
    return Prediction(peak, target, rise, 1e9 * volume, diameter, skull)


def member_rises(
    model: ThermalModel,
    state: ThermalState,
    source: HeatSource,
    members: Members,
    sonication: Sonication,
    *,
    half_width_m: float = 9e-3,
) -> Floats:
    """Return each member's rise of the focus at the end of power, K; parameters as ``predict_members``."""
    place = neighbourhood(model, state, source, half_width_m)
    rises = []
    for member in range(members.count):
        run = _run(place, members, member, sonication, Spread(), cool_s=0.0)
        top = np.unravel_index(int(run.end_degc.argmax()), run.end_degc.shape)
        rises.append(_between(run.end_degc, top) - float(place.degc[top]))
    return np.array(rises)


def skull_maxima(state: ThermalState, response: UnitResponse, power_w: ArrayLike) -> Floats:
    """Return the skull's maximum for each power (W), by superposition, °C; NaN without bone."""
    now = state.coarse_degc.ravel()[response.skull_cells]
    rise = response.skull.max(axis=0)
    powers = np.atleast_1d(np.asarray(power_w, dtype=np.float64))
    if not now.size:
        return np.full(powers.shape, np.nan)
    return np.array([float((now + np.float32(p) * rise).max()) for p in powers])


def focal_intensity(
    members: Members, member: int, spread: Spread, frequency_hz: float
) -> float:
    """Return what an error of the skull's speed leaves of the focal intensity.

    Elements behind thicker bone come too early or late by 2πf d δ/c; a spread σ of these phases
    leaves exp(−σ²) of the intensity (Ruze, Proc. IEEE 54:633, 1966).
    """
    error = members.values["skull_speed"][member] - 1.0
    speed = _SKULL.sound_speed.value
    phase = 2 * pi * frequency_hz * spread.thickness_m * error / speed
    return float(np.exp(-(phase**2)))


FREQUENCY_HZ = 650e3


def _one(
    model: ThermalModel,
    place: Neighbourhood,
    members: Members,
    member: int,
    sonication: Sonication,
    spread: Spread,
) -> tuple[float, float, float, float]:
    """Return peak and target (°C), rise (K) and lesion (m³) of one member."""
    run = _run(place, members, member, sonication, spread)
    grid = grid_of(model, place)
    top = np.unravel_index(int(run.end_degc.argmax()), run.end_degc.shape)
    peak, point = _between(run.end_degc, top), grid.points_of(np.array(top))
    # the target lies where the planned focus is when the true focus is shifted away from it
    seen = grid.indices_of(point - members.shift_m(member))
    target = float(
        map_coordinates(run.end_degc, seen.reshape(3, 1), order=1, mode="nearest")[0]
    )
    volume = float((run.dose >= LESION_CEM43).sum()) * grid.voxel_volume_m3
    return peak, target, peak - float(place.degc[top]), volume


def _run(
    place: Neighbourhood,
    members: Members,
    member: int,
    sonication: Sonication,
    spread: Spread,
    *,
    cool_s: float = COOL_S,
) -> LocalRun:
    """Run one sonication of one member."""
    factor = {name: float(values[member]) for name, values in members.values.items()}
    own = changed(place, conductivity=factor["conductivity"], perfusion=factor["perfusion"])
    strength = factor["brain_absorption"] * focal_intensity(
        members, member, spread, FREQUENCY_HZ
    )
    power_w = strength * sonication.power_w
    return sonicate(own, power_w, sonication.duration_s, cool_s=cool_s)


def _between(values: NDArray[np.float32], top: tuple[np.intp, ...]) -> float:
    """Return the peak of a parabola along each axis through the hottest cell."""
    here, peak = float(values[top]), float(values[top])
    for axis, index in enumerate(top):
        if 0 < index < values.shape[axis] - 1:
            line = np.moveaxis(values, axis, 0)
            others = tuple(int(i) for a, i in enumerate(top) if a != axis)
            before, after = float(line[index - 1][others]), float(line[index + 1][others])
            bend = before + after - 2 * here
            peak -= ((after - before) / 2) ** 2 / (2 * bend) if bend < 0 else 0.0
    return peak


def band(values: ArrayLike) -> tuple[float, float, float]:
    """Return the 5th, 50th and 95th percentile."""
    low, middle, high = np.percentile(np.asarray(values, dtype=np.float64), [5, 50, 95])
    return float(low), float(middle), float(high)


def first_order(members: Members, values: ArrayLike) -> dict[str, float]:
    """Return the share of the variance that each property explains alone.

    Sobol's first-order index Var(E[Y|X_i])/Var(Y), with the conditional mean a cubic in the rank of
    X_i fitted by least squares, and the variance that a cubic would explain by chance taken off.
    """
    y = np.asarray(values, dtype=np.float64)
    total = float(y.var())
    shares: dict[str, float] = {}
    for name, x in members.values.items():
        if total <= 0 or np.ptp(x) == 0:
            shares[name] = 0.0
            continue
        rank = np.argsort(np.argsort(x)) / (len(x) - 1) * 2 - 1
        fit = np.polynomial.Polynomial.fit(rank, y, 3)
        explained = float(fit(rank).var()) / total
        chance = 3.0 / (len(y) - 1)
        shares[name] = max(0.0, (explained - chance) / (1.0 - chance))
    return shares
