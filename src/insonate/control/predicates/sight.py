"""Sight: thermometry is fresh, good and believable, and the head is where it was."""

from insonate.control.look import ROUNDING, Look, estimated, shown_under_power


def thermometry_age(look: Look) -> str:
    """Say no where the latest frame of this sonication is as old as may be."""
    exposure, settings = look.exposure, look.settings
    if exposure is None:
        return ""
    focus = estimated(look.state)
    if focus is not None and focus.stale:
        return focus.stale
    last_s = max(exposure.started_s, exposure.frame_end_s or exposure.started_s)
    frames = (look.state.time_s - last_s) / settings.frame_time_s
    limit = settings.limits.frame_age
    # Power that went on until the limit is passed would have passed it; ages are sums of ticks.
    if frames * ROUNDING < limit.value:
        return ""
    return (
        f"The latest thermometry is {frames:.3g} {limit.unit} old; it must be younger than "
        f"{limit.value:g} {limit.unit}."
    )


def thermometry_quality(look: Look) -> str:
    """Say no where the latest frame was refused, is too noisy or covers too little of the brain."""
    frame, settings = shown_under_power(look), look.settings
    focus = estimated(look.state)
    if look.exposure is not None and focus is not None and focus.refused:
        return f"The latest frame cannot be used: {focus.refused}"
    if frame is None:
        return ""
    if not frame.usable_share >= settings.minimum_usable_share:
        return (
            f"Only {frame.usable_share:.0%} of the brain's voxels are usable; "
            f"{settings.minimum_usable_share:.0%} are needed."
        )
    if not frame.sigma_k <= settings.maximum_sigma_k:
        return (
            f"The noise at the peak is {frame.sigma_k:.2g} K; "
            f"no more than {settings.maximum_sigma_k:g} K is allowed."
        )
    return ""


def thermometry_consistency(look: Look) -> str:
    """Say no where the measured peak falls though the power was not lowered."""
    exposure, settings = look.exposure, look.settings
    if exposure is None or exposure.peak_degc is None or exposure.power_w < exposure.asked_w:
        return ""  # before its first frame the thermometry guard alone counts the time
    fall_k = exposure.peak_degc - exposure.last_degc
    allowed_k = settings.maximum_fall_k + 5.0 * exposure.sigma_k
    if fall_k <= allowed_k:
        return ""
    return (
        f"The measured peak fell by {fall_k:.1f} K at full power; no more than {allowed_k:.1f} K "
        "is believed."
    )


def motion(look: Look) -> str:
    """Say no where the head has moved away from its reference images."""
    moved, most = look.state.seen.motion, look.settings.motion_m
    if moved is None:
        return ""  # the guard of readings says no until it reports
    if moved.displacement_m <= most:
        return ""
    return (
        f"The head moved by {moved.displacement_m * 1e3:.2g} mm since its reference images; "
        f"no more than {most * 1e3:g} mm is allowed."
    )
