"""One study as data: every number with its source, or the file is refused.

A file may be wrong in what it says, but never silent about where it has it from: each count, mean
and follow-up carries the place in the source where it stands, and a study says what of it was
read. The abstract of a paper is not the paper.
"""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Where = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
"""Where a number stands: "abstract, results". Never empty."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
Count = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]


class Design(StrEnum):
    """How a study was made."""

    CASE_SERIES = "case series"
    SINGLE_ARM_TRIAL = "single-arm trial"
    SHAM_CONTROLLED_TRIAL = "randomised sham-controlled trial"


class Read(StrEnum):
    """What of a study was read for its file."""

    FULL_TEXT = "full text"
    ABSTRACT = "abstract"
    SECOND_HAND = "second hand"
    """Only what another paper says about it."""


class Unit(StrEnum):
    """What is counted. Interventions in the same person are not independent."""

    PATIENTS = "patients"
    INTERVENTIONS = "interventions"


class Judgement(StrEnum):
    """A risk of bias, in the words of RoB 2 and ROBINS-I."""

    LOW = "low"
    MODERATE = "some concerns"
    SERIOUS = "serious"
    UNKNOWN = "no information"


class Fact(BaseModel):
    """Base of all parts of a study: frozen, refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Sample(Fact):
    """How many were treated (without the controls), and what is counted."""

    treated: Size
    controls: Count = 0
    unit: Unit = Unit.PATIENTS
    patients: Size | None = None
    """People, where interventions are counted and the number is known."""
    where: Where


class FollowUp(Fact):
    """How long they were followed, months."""

    months: Annotated[float, Field(gt=0.0)]
    kind: Sentence
    where: Where


class Responders(Fact):
    """How many of how many reached an outcome at a visit.

    ``printed_percent`` is what the source prints where it prints no numerator: the count is then
    reconstructed, and must round to it.
    """

    name: Name
    months: Annotated[float, Field(gt=0.0)]
    events: Count
    of: Size
    printed_percent: Annotated[float, Field(ge=0.0, le=100.0)] | None = None
    where: Where

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        _require_part(self.events, self.of)
        if self.printed_percent is not None and not _rounds_to(
            100.0 * self.events / self.of, self.printed_percent
        ):
            raise ValueError(
                f"{self.events} of {self.of} are {100 * self.events / self.of:.1f} %, which does not "
                f"round to the printed {self.printed_percent:g} %"
            )
        return self


class MeanChange(Fact):
    """A mean change at a visit, with its standard deviation where the source gives one.

    ``mean`` and ``sd`` are in ``unit``; a fall in pain is positive relief. Without an SD a mean is
    told and never pooled.
    """

    name: Name
    months: Annotated[float, Field(gt=0.0)]
    mean: float
    sd: Annotated[float, Field(gt=0.0)] | None = None
    of: Size
    unit: Sentence
    where: Where


class AdverseEvent(Fact):
    """How many of how many had an adverse event; a zero is written down as a zero.

    ``counts`` says whether people or events were counted: two events may be one person's, so that
    only people make a proportion.
    """

    term: Name
    serious: bool
    events: Count
    of: Size
    counts: Annotated[str, Field(pattern="^(people|events)$")] = "people"
    where: Where

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if self.counts == "people":
            _require_part(self.events, self.of)
        return self


class Sharing(StrEnum):
    """Whether the same people are in two studies."""

    CERTAIN = "certain"
    POSSIBLE = "possible"
    NONE = "none"


class Overlap(Fact):
    """Whether people of this study are also in another one, and how that is known."""

    study: Name
    people_shared: Sharing
    reason: Sentence


class Bias(Fact):
    """One domain of the risk of bias, judged with its reason."""

    domain: Sentence
    judgement: Judgement
    reason: Sentence


class Study(Fact):
    """A study: who was treated, how, what came of it, and where all that stands.

    ``team`` is one name for everyone who may have treated the same people: two studies of one team
    must say whether they overlap. ``finding`` is what the study itself says of its main outcome,
    in our words.
    """

    name: Name
    label: Sentence
    reference: Sentence
    year: Annotated[int, Field(ge=1950, le=2100)]
    team: Name
    design: Design
    read: Read
    read_in: Where
    indication: Sentence
    mixed: bool = False
    """Whether people without neuropathic pain are among them: then it is in no pool."""
    target: Sentence
    sample: Sample
    follow_up: FollowUp | None = None
    finding: Sentence
    finding_where: Where
    responders: tuple[Responders, ...] = ()
    changes: tuple[MeanChange, ...] = ()
    adverse_events: tuple[AdverseEvent, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    bias: tuple[Bias, ...] = Field(min_length=1)
    notes: tuple[Sentence, ...] = ()

    @model_validator(mode="after")
    def _controls_fit(self) -> Self:
        controlled = self.design is Design.SHAM_CONTROLLED_TRIAL
        if controlled != (self.sample.controls > 0):
            raise ValueError(f"a {self.design} cannot have {self.sample.controls} controls")
        if self.sample.unit is Unit.PATIENTS and self.sample.patients is not None:
            raise ValueError("patients may be given only where interventions are counted")
        return self


def _require_part(events: int, of: int) -> None:
    if events > of:
        raise ValueError(f"{events} of {of} is impossible")


def _rounds_to(value: float, printed: float) -> bool:
    """Return whether a value rounds to what is printed, halves either way."""
    digits = len(f"{printed:g}".partition(".")[2])
    return abs(value - printed) <= (0.5 + 1e-9) * 0.1**digits


def study_schema() -> dict[str, Any]:
    """Return the JSON schema of a study file."""
    return Study.model_json_schema()
