"""A registry that one site could run: who was suitable, what came of it, what went wrong.

What needs a database is in ``outcomes.registry`` and behind it, and needs the extra ``insonate[outcomes]``.
"""

from insonate.outcomes.columns import TABLES, Column, Table
from insonate.outcomes.eligibility import CRITERIA, Judged, Screening, Verdict, judge
from insonate.outcomes.follow_up import (
    Response,
    Share,
    Survival,
    kaplan_meier,
    loss_of_relief,
    responders,
    scores,
)
from insonate.outcomes.instruments import INSTRUMENTS, Instrument, Item, Score, instrument
from insonate.outcomes.terms import DIAGNOSES, TERMS, Term
from insonate.outcomes.visits import VISITS, Visit
from insonate.outcomes.yellow_card import YellowCard, yellow_card

__all__ = [
    "CRITERIA",
    "DIAGNOSES",
    "INSTRUMENTS",
    "TABLES",
    "TERMS",
    "VISITS",
    "Column",
    "Instrument",
    "Item",
    "Judged",
    "Response",
    "Score",
    "Screening",
    "Share",
    "Survival",
    "Table",
    "Term",
    "Verdict",
    "Visit",
    "YellowCard",
    "instrument",
    "judge",
    "kaplan_meier",
    "loss_of_relief",
    "responders",
    "scores",
    "yellow_card",
]
