"""Whether a set of limits makes sense before anything is planned with it."""

from math import isfinite

from insonate.core import PlanError
from insonate.core.units import BODY_TEMPERATURE_DEGC
from insonate.plan.model import Limits

_DEFAULTS = Limits()
_SENSE = {"water_flow": -1.0}  # the one floor: all others are caps
_ABOVE_BODY = ("focal_temperature", "skull_temperature", "scalp_temperature")


def check_limits(limits: Limits) -> tuple[str, ...]:
    """Refuse limits that cannot work; say which are looser than the defaults.

    Parameters
    ----------
    limits
        Every cap and threshold.

    Returns
    -------
    tuple of str
        One sentence for each limit that is allowed but looser than the sourced default.

    Raises
    ------
    PlanError
        With one sentence for each limit that is negative, not finite, in another unit than the
        default, below body temperature, or against another limit.
    """
    faults = _number_faults(limits) or _order_faults(limits)
    if faults:
        raise PlanError(faults)
    return _looser(limits)


def _number_faults(limits: Limits) -> list[str]:
    defaults = dict(_DEFAULTS.rows())
    faults = []
    for name, limit in limits.rows():
        if not isfinite(limit.value) or limit.value <= 0:
            faults.append(
                f"The limit {name} is {limit.value:g} {limit.unit}; it must be finite and more "
                "than 0."
            )
        if limit.unit != defaults[name].unit:
            faults.append(
                f"The limit {name} is given in {limit.unit}; it must be in {defaults[name].unit}."
            )
    return faults


def _order_faults(limits: Limits) -> list[str]:
    values = {name: limit.value for name, limit in limits.rows()}
    faults = [
        f"The limit {name} is {values[name]:g} °C; it must be above body temperature, "
        f"{BODY_TEMPERATURE_DEGC:g} °C, or nothing could ever be sonicated."
        for name in _ABOVE_BODY
        if values[name] <= BODY_TEMPERATURE_DEGC
    ]
    for lower, upper in (
        ("cavitation_reduce", "cavitation_stop"),
        ("energy", "session_energy"),
    ):
        if values[lower] > values[upper]:
            faults.append(
                f"The limit {lower} is {values[lower]:g}, above {upper}, {values[upper]:g}; it "
                "must not be larger."
            )
    return faults


def _looser(limits: Limits) -> tuple[str, ...]:
    defaults = dict(_DEFAULTS.rows())
    return tuple(
        f"The limit {name} is {limit.value:g} {limit.unit}, looser than the default "
        f"{defaults[name].value:g} {limit.unit} ({defaults[name].source})."
        for name, limit in limits.rows()
        if (limit.value - defaults[name].value) * _SENSE.get(name, 1.0) > 0
    )
