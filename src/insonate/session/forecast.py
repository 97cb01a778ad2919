"""How sure the model was of the strongest sonication, before and after the ones before it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from insonate.events.documents import Band, HeatForecast, TemperatureFrame
from insonate.heat.ensemble import (
    SHIFTS,
    Members,
    Prediction,
    band,
    draw_members,
    first_order,
    member_rises,
    predict_members,
)
from insonate.heat.innovation import scatter_of
from insonate.heat.learning import Observed, update_members
from insonate.heat.prediction import UnitResponse, unit_response
from insonate.plan import Sonication, Stage
from insonate.plant import World
from insonate.session.prepare import PreparedCase

MEMBERS = 40
"""Few enough for a rehearsal to wait for; a band of 40 is good to a tenth of its width."""

HALF_WIDTH_M = 7e-3

LEAST_NOISE = 0.01
"""No rise is taken as measured to better than a hundredth of itself."""


def heat_forecast(
    case: PreparedCase, world: World, frames: Sequence[TemperatureFrame] = ()
) -> HeatForecast | None:
    """Say how sure the plan was of the strongest sonication, and how sure it became.

    The members start where the plan does: from the cooled head, with the plan's source. What each
    earlier sonication taught is the ratio of its measured to its expected rise. How far that is
    trusted comes from the noise of its hottest frame, and from how these ratios scatter.

    Parameters
    ----------
    case
        The plan.
    world
        The rehearsal, when it is over.
    frames
        Of the session; they say how noisy a measured rise was.

    Returns
    -------
    HeatForecast or None
        None where there was no sonication.
    """
    driven, learnt = world.driven(), world.learnt()
    if not driven:
        return None
    number = max(driven, key=lambda k: driven[k][0] * driven[k][1])
    before = [k for k in sorted(learnt) if k in driven and k < number]
    members = draw_members(MEMBERS)
    run = _Runs(case, world)
    prior = run.predict(members, driven[number])
    posterior, after = prior, members
    if before:
        rises = np.stack([run.rises(members, driven[k]) for k in before], axis=1)
        planned = [learnt[k] * run.planned_rise_k(members, driven[k]) for k in before]
        shares = measured_shares([learnt[k] for k in before], before, frames)
        seen = tuple(
            Observed(rise, share * rise) for rise, share in zip(planned, shares, strict=True)
        )
        after = update_members(members, rises, seen)
        posterior = run.predict(after, driven[number])
    return HeatForecast(
        sonication=number,
        members=members.count,
        learnt_from=len(before),
        peak_prior_degc=_band(prior.peak_degc),
        peak_posterior_degc=_band(posterior.peak_degc),
        lesion_prior_mm3=_band(prior.volume_mm3),
        lesion_posterior_mm3=_band(posterior.volume_mm3),
        skull_prior_degc=_band(prior.skull_degc),
        skull_posterior_degc=_band(posterior.skull_degc),
        sensitivities=first_order(members, prior.peak_degc),
    )


def measured_shares(
    ratios: Sequence[float], numbers: Sequence[int], frames: Sequence[TemperatureFrame]
) -> list[float]:
    """Return the standard deviation of each sonication's measured rise over itself.

    Parameters
    ----------
    ratios
        Measured over expected rise.
    numbers
        Which sonications.
    frames
        Of the session.

    Returns
    -------
    list of float
        Noise of the hottest frame and scatter of the ratios, added as variances.
    """
    noise = [_noise_share([f for f in frames if f.sonication == k]) for k in numbers]
    scatter = scatter_of(ratios, noise)
    return [float(np.hypot(n, scatter)) for n in noise]


def _noise_share(frames: Sequence[TemperatureFrame]) -> float:
    """Return the noise of the hottest frame over its rise."""
    if not frames:
        return LEAST_NOISE
    hottest = max(frames, key=lambda frame: frame.peak_degc)
    rise = hottest.peak_degc - hottest.baseline_degc
    return max(hottest.sigma_k / max(rise, hottest.sigma_k, 1e-6), LEAST_NOISE)


class _Runs:
    """Predictions for the members of one case; a response is computed once for each duration."""

    def __init__(self, case: PreparedCase, world: World) -> None:
        self._case = case
        self._rest = world.belief.anew().state
        self._responses: dict[float, UnitResponse] = {
            response.duration_s: response for response in case.responses.values()
        }
        self._rises: dict[float, NDArray[np.float64]] = {}

    def predict(self, members: Members, driven: tuple[float, float]) -> Prediction:
        """Predict one sonication, (power, duration), for every member."""
        power, duration = driven
        case = self._case
        return predict_members(
            case.thermal,
            self._rest,
            case.heating.source,
            self._response(duration),
            members,
            Sonication(Stage.TREAT, power, duration),
            half_width_m=HALF_WIDTH_M,
        )

    def rises(self, members: Members, driven: tuple[float, float]) -> NDArray[np.float64]:
        """Return each member's rise; linear in the power, so once for each duration."""
        power, duration = driven
        duration = round(duration, 1)
        if duration not in self._rises:
            self._rises[duration] = self._rise_k(members, (power, duration)) / power
        return self._rises[duration] * power

    def planned_rise_k(self, members: Members, driven: tuple[float, float]) -> float:
        """Return the rise of a member that has the plan's properties, K."""
        plan = {name: np.zeros(1) if name in SHIFTS else np.ones(1) for name in members.values}
        return float(self._rise_k(Members(plan), driven)[0])

    def _rise_k(self, members: Members, driven: tuple[float, float]) -> NDArray[np.float64]:
        power, duration = driven
        return member_rises(
            self._case.thermal,
            self._rest,
            self._case.heating.source,
            members,
            Sonication(Stage.TREAT, power, duration),
            half_width_m=HALF_WIDTH_M,
        )

    def _response(self, duration: float) -> UnitResponse:
        """Return the response of the nearest duration that the plan has computed."""
        nearest = min(self._responses, key=lambda d: abs(d - duration))
        if abs(nearest - duration) > 0.25 * duration:
            case = self._case
            self._responses[duration] = unit_response(
                case.thermal, case.heating.source, duration
            )
            nearest = duration
        return self._responses[nearest]


def _band(values: NDArray[np.float64]) -> Band:
    low, middle, high = band(values)
    return Band(low=low, middle=middle, high=high)
