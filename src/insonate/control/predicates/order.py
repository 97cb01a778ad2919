"""Order and orders: nothing unapproved, no stage before its turn, no start too soon or too late."""

from insonate.control.look import Look, above
from insonate.plan import Stage


def approval(look: Look) -> str:
    """Say no to a sonication that nobody approved."""
    return "" if look.state.approved is not None else "No sonication was approved."


def alarm(look: Look) -> str:
    """Say no while a latching alarm was not acknowledged."""
    waiting = look.state.alarms
    return f"Not acknowledged: the alarm of {', '.join(waiting)}." if waiting else ""


def stage_order(look: Look) -> str:
    """Say no to verify before the focus was confirmed, and to treat before it was verified."""
    asked = look.state.exposure if look.exposure is not None else look.state.approved
    stage = Stage(asked.stage) if asked is not None else look.state.stage
    if stage is not Stage.ALIGN and not look.state.confirmed:
        return f"The focus was not confirmed at low power; {stage} may not start before."
    if stage is Stage.TREAT and not look.state.verified:
        return "The focus was not verified; treat may not start before."
    return ""


def cooling(look: Look) -> str:
    """Say no to a start before the wait is over and the focus has cooled."""
    if look.exposure is not None:
        return ""
    state, settings = look.state, look.settings
    if not state.time_s >= state.wait_until_s:
        return (
            f"The wait lasts until {state.wait_until_s:.0f} s; now it is {state.time_s:.0f} s."
        )
    if state.seen.model is None:
        return "The model has not said whether the focus has cooled."
    allowed = settings.body_temperature_degc + settings.cooled_within_k
    if not state.seen.model.focus_degc <= allowed:
        return (
            f"The focus is at {state.seen.model.focus_degc:.1f} °C; {allowed:g} °C is allowed."
        )
    return ""


def session_time(look: Look) -> str:
    """Say no to what would end after the longest session."""
    since = look.state.positioned_s
    if since is None:
        return "The patient is not positioned."
    ends = look.state.time_s - since + look.ahead_s
    return above("The time since positioning", ends, look.settings.limits.session_time)
