"""People: the patient speaks and is well, the operator is there."""

from insonate.control.look import Look
from insonate.events.presence import NEUROLOGICAL, Sedation

_LIGHT = (Sedation.NONE, Sedation.LIGHT)


def patient(look: Look) -> str:
    """Say no unless the patient can speak, does not press stop and reports nothing grave."""
    report = look.state.seen.patient
    if report is None:
        return "The patient was not asked."
    if report.stop_pressed:
        return "The patient presses stop."
    if not report.can_communicate:
        return "The patient cannot communicate."
    if report.severity in {"moderate", "severe"}:
        return f"The patient reports {report.symptom or 'a symptom'} ({report.severity})."
    return ""


def neurological(look: Look) -> str:
    """Say no while a finding of tissue beside the target lasts, however mild."""
    report = look.state.seen.patient
    if report is None or report.finding not in NEUROLOGICAL:
        return ""  # the guard of the patient says no until they are asked
    place = f" ({report.where})" if report.where else ""
    return f"The patient reports {report.finding}{place}: heat is where it should not be."


def sedation(look: Look) -> str:
    """Say no to a patient who is sedated beyond answering normally."""
    report = look.state.seen.patient
    if report is None or report.sedation in _LIGHT:
        return ""  # the guard of the patient says no until they are asked
    return f"The sedation is {report.sedation}; at most light is allowed."


def asked(look: Look) -> str:
    """Say no to a start when the patient was last heard too long ago."""
    heard_s, age = look.state.seen.patient_s, look.settings.patient_age_s
    if look.exposure is not None:
        return ""
    if heard_s is not None and look.state.time_s - heard_s <= age:
        return ""
    return f"The patient was not heard in the last {age:g} s."


def operator(look: Look) -> str:
    """Say no when the operator has given no sign of presence for too long."""
    seen_s, age = look.state.seen.operator_s, look.settings.operator_age_s
    if seen_s is not None and look.state.time_s - seen_s <= age:
        return ""
    return f"The operator gave no sign of presence in the last {age:g} s."
