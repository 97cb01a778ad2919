"""The steps along the top: what is done, what is missing, why the next is closed."""

from collections.abc import Callable
from dataclasses import dataclass

from insonate.console.models import (
    HeadView,
    PlanView,
    RunView,
    Step,
    TargetView,
)

KEYS = ("images", "head", "target", "plan", "rehearse", "report")


@dataclass(frozen=True)
class Facts:
    """What the steps are judged by."""

    head: HeadView | None = None
    target: TargetView | None = None
    plan: PlanView | None = None
    run: RunView | None = None
    report: bool = False
    approved: frozenset[str] = frozenset()


def _images(facts: Facts) -> str:
    if facts.head is None:
        return "Open the sample head, the phantom, or images of your own."
    if not facts.head.ready:
        return "The head is being read; the CT is shown as soon as it is there."
    if "images" not in facts.approved:
        return "Look at coverage and overlay, then confirm the images."
    return ""


def _head(facts: Facts) -> str:
    if "head" not in facts.approved:
        return "Check tissues and commissures (AC, PC), then approve the head."
    return ""


def _target(facts: Facts) -> str:
    if facts.target is None:
        return "Choose a target."
    if facts.target.faults:
        return facts.target.faults[0]
    if "target" not in facts.approved:
        return "Check the target in three planes, then approve it."
    return ""


def _plan(facts: Facts) -> str:
    if facts.plan is None:
        return "Choose an engine and make the plan."
    if "plan" not in facts.approved:
        return "Check elements, field, temperatures and limits, then approve the plan."
    return ""


def _rehearse(facts: Facts) -> str:
    run = facts.run
    if run is None:
        return "Choose a scenario and a speed, and begin."
    if run.over:
        return ""
    if run.status is None:
        return "The simulated patient is being drawn."
    return f"{run.status.state_words}. {run.status.next_words}"


def _report(facts: Facts) -> str:
    return "" if facts.report else "The report is written when the treatment is over."


_MISSING: dict[str, Callable[[Facts], str]] = {
    "images": _images,
    "head": _head,
    "target": _target,
    "plan": _plan,
    "rehearse": _rehearse,
    "report": _report,
}
"""For each step what is missing, in a sentence; nothing where it is done."""

_DONE = {
    "images": "Images confirmed.",
    "head": "Head approved.",
    "target": "Target approved.",
    "plan": "Plan approved.",
    "rehearse": "The treatment is over.",
    "report": "The report is ready.",
}


def steps_of(facts: Facts) -> tuple[Step, ...]:
    """Return every step; the first that is not done is open, those after it are closed."""
    made: list[Step] = []
    first = ""
    for key in KEYS:
        missing = _MISSING[key](facts)
        if first:
            made.append(_step(key, "closed", f"Closed: first “{first}” must be done."))
        elif missing:
            made.append(_step(key, "open", missing))
            first = key.capitalize()
        else:
            made.append(_step(key, "done", _DONE[key]))
    return tuple(made)


def _step(key: str, state: str, sentence: str) -> Step:
    return Step.model_validate({"key": key, "state": state, "sentence": sentence})
