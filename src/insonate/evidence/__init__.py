"""What is known, as data: studies with a source for every number, pooled where that is allowed."""

from insonate.evidence.pooling import Between, Estimate, Pooled, pool
from insonate.evidence.proportions import (
    PooledProportion,
    binomial_normal,
    exact_interval,
    never_seen,
    pool_proportions,
    rule_of_three,
)
from insonate.evidence.reading import load_studies, read_study, shipped_studies
from insonate.evidence.statement import Statement, state
from insonate.evidence.study import Study, study_schema
from insonate.evidence.synthesis import Answer, answers
from insonate.evidence.tables import document
from insonate.evidence.writing import write_evidence

__all__ = [
    "Answer",
    "Between",
    "Estimate",
    "Pooled",
    "PooledProportion",
    "Statement",
    "Study",
    "answers",
    "binomial_normal",
    "document",
    "exact_interval",
    "load_studies",
    "never_seen",
    "pool",
    "pool_proportions",
    "read_study",
    "rule_of_three",
    "shipped_studies",
    "state",
    "study_schema",
    "write_evidence",
]
