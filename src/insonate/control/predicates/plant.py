"""The plant: every channel speaks, the water cools, the array does as it is told."""

import math

from insonate.control.look import Look, above
from insonate.control.observing import loudest_db


def readings(look: Look) -> str:
    """Say no where water, cavitation, model, array or motion have been silent for too long."""
    seen, age = look.state.seen, look.settings.reading_age_s
    heard = {
        "water": seen.cooling_s,
        "cavitation detector": seen.cavitation_s,
        "thermal model": seen.model_s,
        "array": seen.array_s,
        "motion": seen.motion_s,
    }
    silent = [
        name for name, at in heard.items() if at is None or not look.state.time_s - at <= age
    ]
    if not silent:
        return ""
    return f"No reading in the last {age:g} s from: {', '.join(silent)}."


def water_temperature(look: Look) -> str:
    """Say no where the water is too warm to cool the scalp."""
    water, limit = look.state.seen.cooling, look.settings.limits.water_temperature
    return above("The water", water.water_degc if water is not None else math.nan, limit)


def water_flow(look: Look) -> str:
    """Say no where the water does not flow."""
    water, floor = look.state.seen.cooling, look.settings.limits.water_flow
    flow = water.flow_l_per_min if water is not None else math.nan
    if flow >= floor.value:
        return ""
    return f"The water flows at {flow:.4g} {floor.unit}; at least {floor.value:g} is needed."


def cavitation(look: Look) -> str:
    """Say no where the detector hears cavitation, or hears something although power is off.

    Before power what is loud is the detector: its own baseline does not hold any more.
    """
    heard, limits = look.state.seen.cavitation, look.settings.limits
    limit = limits.cavitation_reduce if look.exposure is None else limits.cavitation_stop
    return above("The cavitation level", loudest_db(heard) if heard else math.nan, limit)


def coupling(look: Look) -> str:
    """Say no where the water holds so much gas that it would bubble."""
    water, most = look.state.seen.cooling, look.settings.maximum_dissolved_oxygen_ppm
    gas = water.dissolved_oxygen_ppm if water is not None else math.nan
    if gas <= most:
        return ""
    return f"The water holds {gas:.3g} ppm of oxygen; no more than {most:g} ppm is allowed."


def elements(look: Look) -> str:
    """Say no where too many elements are faulty."""
    array, settings = look.state.seen.array, look.settings
    if array is None:
        return ""  # the guard of readings says no until it reports
    if array.faulty_elements <= settings.maximum_faulty_elements:
        return ""
    return (
        f"{array.faulty_elements} elements are faulty; "
        f"no more than {settings.maximum_faulty_elements} are allowed."
    )


def reflection(look: Look) -> str:
    """Say no where too much power is reflected."""
    array, settings = look.state.seen.array, look.settings
    if array is None:
        return ""  # the guard of readings says no until it reports
    if not array.reflected_share <= settings.maximum_reflected_share:
        return (
            f"{array.reflected_share:.0%} of the power is reflected; "
            f"no more than {settings.maximum_reflected_share:.0%} is allowed."
        )
    return ""


def drive(look: Look) -> str:
    """Say no where the array delivers more than it was told."""
    seen, settings, exposure = look.state.seen, look.settings, look.exposure
    if seen.array is None or seen.array_s is None:
        return ""  # the guard of readings says no until it reports
    told_w = exposure.power_w if exposure is not None else 0.0
    told_s = exposure.power_set_s if exposure is not None else look.state.off_s
    if seen.array_s <= told_s + settings.drive_lag_s:
        return ""
    # Half a watt more is the electronics' own noise while power is off.
    if seen.array.power_w <= told_w * (1.0 + settings.drive_tolerance) + 0.5:
        return ""
    return f"The array delivers {seen.array.power_w:.4g} W; it was told {told_w:.4g} W."
