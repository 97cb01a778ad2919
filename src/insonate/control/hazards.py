"""The hazards that the guards are there for, in the manner of ISO 14971; no claim of conformity.

A hazard is what could do harm; its causes are the guards' own matter, each guard names one hazard.
"""

from enum import Enum


class Hazard(Enum):
    """A source of harm (its name), and the harm that it can do (its value)."""

    UNASKED_POWER = "a lesion that nobody decided on"
    WRONG_PLACE = "a lesion beside the target: loss of sensation, strength, speech or sight"
    OVERHEATING = "haemorrhage, or a lesion larger than meant, as in the series of 2012"
    CAVITATION = "haemorrhage: bubbles tear vessels, as is thought of the bleed of 2012"
    HEATED_BONE = "a burn of skull, marrow or scalp"
    BLINDNESS = "overheating or heat beside the target that nobody sees"
    SILENT_PATIENT = "an early sign of harm that only an awake patient can give, and does not"
    ABSENT_OPERATOR = "a danger that is shown and that nobody answers"
    EXHAUSTION = "a tired patient who moves, and a team that errs"

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.name.lower().replace("_", " ")
