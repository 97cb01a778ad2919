"""The instruments of the field, each with its published rule of scoring.

An instrument is its items and a rule that makes scores of them. A missing item stays missing: a rule gives
None where its paper gives no score, and never fills in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from insonate.core import Quantity, SettingsError

Answers = Mapping[str, float]
"""Item code to value; an item that was not answered is not there."""

Rule = Callable[[Answers], float | None]


@dataclass(frozen=True)
class Item:
    """One question: its lowest and highest answer, and whether only whole numbers are answers."""

    code: str
    text: str
    low: float
    high: float
    whole: bool = True


@dataclass(frozen=True)
class Score:
    """What a rule makes of the items.

    Parameters
    ----------
    name, low, high
        What it is called, and its range.
    rule
        From answers to the score, or None where the published rule gives none.
    better
        "lower" or "higher".
    important
        The smallest change that matters to patients, with its source, or None where there is no
        accepted one.
    """

    name: str
    low: float
    high: float
    rule: Rule
    better: str
    important: Quantity | None = None


@dataclass(frozen=True)
class Instrument:
    """A questionnaire or scale.

    Parameters
    ----------
    code, name, source
        Short name, full name, and where its scoring is published.
    items
        Its questions.
    scores
        What is made of them.
    loinc
        Its code in LOINC where it has one that is certain, else empty.
    """

    code: str
    name: str
    source: str
    items: tuple[Item, ...]
    scores: tuple[Score, ...]
    loinc: str = ""

    def score(self, answers: Answers) -> dict[str, float | None]:
        """Return every score of some answers.

        Raises
        ------
        SettingsError
            When an item is unknown, or an answer outside its range.
        """
        for code, value in answers.items():
            fault = self.fault(code, value)
            if fault:
                raise SettingsError(f"{self.name}: {fault}")
        return {score.name: score.rule(answers) for score in self.scores}

    def fault(self, code: str, value: float) -> str:
        """Return why an answer is impossible, as a sentence, or an empty text."""
        item = self.item(code)
        if item is None:
            return (
                f"There is no item '{code}'; there are {', '.join(i.code for i in self.items)}."
            )
        if not item.low <= value <= item.high:
            return f"Item '{code}' is {value:g}; it must lie between {item.low:g} and {item.high:g}."
        if item.whole and value != int(value):
            return f"Item '{code}' is {value:g}; only whole numbers are answers."
        return ""

    def item(self, code: str) -> Item | None:
        """Return an item by its code, or None."""
        return next((item for item in self.items if item.code == code), None)


def only(code: str) -> Rule:
    """Return the rule that a score is one answer."""
    return lambda answers: answers.get(code)


def total(codes: tuple[str, ...]) -> Rule:
    """Return the rule that a score is the sum of answers, and none where one is missing."""
    return lambda a: sum(a[c] for c in codes) if all(c in a for c in codes) else None


def mean_of(codes: tuple[str, ...], least: int) -> Rule:
    """Return the rule that a score is the mean of what was answered, with ``least`` answers or more."""

    def rule(answers: Answers) -> float | None:
        given = [answers[code] for code in codes if code in answers]
        return sum(given) / len(given) if len(given) >= least else None

    return rule


_IMMPACT = "Dworkin and others 2008, J. Pain 9:105 (IMMPACT)"
_PAIN_30 = Quantity(
    30.0, "% of the baseline", f"{_IMMPACT}: moderately important; 50 % substantial"
)

_SEVERITY = ("worst", "least", "average", "now")
_INTERFERENCE = ("activity", "mood", "walking", "work", "relations", "sleep", "enjoyment")
_DISABILITY = (
    "home",
    "recreation",
    "social",
    "occupation",
    "sexual",
    "self-care",
    "life-support",
)
_DIMENSIONS = (
    "mobility",
    "self-care",
    "usual-activities",
    "pain-discomfort",
    "anxiety-depression",
)


def _numeric_rating() -> Instrument:
    texts = {
        "current": "pain now",
        "continuous": "continuous pain",
        "attacks": "pain of attacks",
    }
    return Instrument(
        "nrs", "Numeric rating scale of pain",
        "Farrar and others 2001, Pain 94:149; 0 no pain, 10 the worst imaginable",
        tuple(Item(code, text, 0, 10) for code, text in texts.items()),
        tuple(Score(code, 0, 10, only(code), "lower", _PAIN_30) for code in texts),
        loinc="72514-3",
    )  # fmt: skip


def _visual_analogue() -> Instrument:
    texts = {
        "current": "pain now",
        "continuous": "continuous pain",
        "attacks": "pain of attacks",
    }
    return Instrument(
        "vas", "Visual analogue scale of pain, mm of 100",
        "Huskisson 1974, Lancet 304:1127; the distance from 'no pain'",
        tuple(Item(code, text, 0, 100, whole=False) for code, text in texts.items()),
        tuple(Score(code, 0, 100, only(code), "lower", _PAIN_30) for code in texts),
    )  # fmt: skip


def _brief_pain_inventory() -> Instrument:
    one_point = Quantity(1.0, "points", f"{_IMMPACT}: minimally important, interference")
    return Instrument(
        "bpi", "Brief pain inventory, short form",
        "Cleeland 2009, The Brief Pain Inventory User Guide: severity is the mean of its four items; "
        "interference the mean of its seven, if four or more were answered",
        tuple(Item(code, code, 0, 10) for code in (*_SEVERITY, *_INTERFERENCE)),
        (
            Score("severity", 0, 10, mean_of(_SEVERITY, 4), "lower", _PAIN_30),
            Score("interference", 0, 10, mean_of(_INTERFERENCE, 4), "lower", one_point),
        ),
    )  # fmt: skip


def _disability_index() -> Instrument:
    important = Quantity(
        9.0, "points", "Soer and others 2012, Spine 37:711: 8.5 to 9.5", 8.5, 9.5
    )
    return Instrument(
        "pdi", "Pain disability index",
        "Tait, Chibnall & Krause 1990, Pain 40:171: the sum of seven items, 0 to 70",
        tuple(Item(code, code, 0, 10) for code in _DISABILITY),
        (Score("total", 0, 70, total(_DISABILITY), "lower", important),),
    )  # fmt: skip


def _euroqol() -> Instrument:
    items = tuple(Item(code, code, 1, 5) for code in _DIMENSIONS)
    return Instrument(
        "eq5d5l", "EQ-5D-5L",
        "Herdman and others 2011, Qual. Life Res. 20:1727: five dimensions of five levels and a scale of "
        "0 to 100. Its value sets are licensed; the level sum is no utility",
        (*items, Item("vas", "health today", 0, 100)),
        (
            Score("level-sum", 5, 25, total(_DIMENSIONS), "lower"),
            Score("vas", 0, 100, only("vas"), "higher"),
        ),
    )  # fmt: skip


def _impression_of_change() -> Instrument:
    text = "1 very much improved, 4 no change, 7 very much worse"
    return Instrument(
        "pgic", "Patient global impression of change",
        "Guy 1976, ECDEU Assessment Manual; as recommended by IMMPACT (Dworkin and others 2005, Pain 113:9)",
        (Item("change", text, 1, 7),),
        (Score("change", 1, 7, only("change"), "lower"),),
    )  # fmt: skip


def _cognitive_assessment() -> Instrument:
    def rule(answers: Answers) -> float | None:
        if not {"points", "education-years"} <= answers.keys():
            return None
        extra = 1.0 if answers["education-years"] <= 12 else 0.0
        return min(30.0, answers["points"] + extra)

    return Instrument(
        "moca", "Montreal cognitive assessment",
        "Nasreddine and others 2005, J. Am. Geriatr. Soc. 53:695: one point more with 12 years of "
        "education or less, 30 at most; below 26 is impaired",
        (Item("points", "points before the correction", 0, 30),
         Item("education-years", "years of education", 0, 40)),
        (Score("total", 0, 30, rule, "higher"),),
    )  # fmt: skip


def _table() -> Mapping[str, Instrument]:
    made = (
        _numeric_rating(), _visual_analogue(), _brief_pain_inventory(), _disability_index(),
        _euroqol(), _impression_of_change(), _cognitive_assessment(),
    )  # fmt: skip
    return MappingProxyType({instrument.code: instrument for instrument in made})


INSTRUMENTS: Mapping[str, Instrument] = _table()
"""Every instrument by its code."""


def euroqol_profile(answers: Answers) -> str | None:
    """Return the profile, such as "21342", or None where a dimension is missing."""
    if not all(code in answers for code in _DIMENSIONS):
        return None
    return "".join(f"{answers[code]:.0f}" for code in _DIMENSIONS)


def instrument(code: str) -> Instrument:
    """Return an instrument by its code.

    Raises
    ------
    SettingsError
        When there is none.
    """
    if code not in INSTRUMENTS:
        raise SettingsError(
            f"There is no instrument '{code}'; there are {', '.join(sorted(INSTRUMENTS))}."
        )
    return INSTRUMENTS[code]
