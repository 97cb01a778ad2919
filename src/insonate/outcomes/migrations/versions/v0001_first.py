"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _patient(*, primary: bool = True) -> "sa.Column[str]":
    return sa.Column(
        "patient", sa.String(500), sa.ForeignKey("patients.patient"), primary_key=primary
    )


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "patients",
        sa.Column("patient", sa.String(500), primary_key=True),
        sa.Column("birth_year", sa.Integer(), nullable=False),
        sa.Column("sex", sa.String(60), nullable=False),
        sa.Column("diagnosis", sa.String(60), nullable=False),
        sa.Column("pain_since", sa.Date()),
        sa.Column("treated_on", sa.Date(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("record", sa.String(500)),
    )
    op.create_table(
        "criteria",
        _patient(),
        sa.Column("criterion", sa.String(60), primary_key=True),
        sa.Column("verdict", sa.String(60), nullable=False),
        sa.Column("basis", sa.String(500), nullable=False),
    )
    op.create_table(
        "answers",
        _patient(),
        sa.Column("visit", sa.String(60), primary_key=True),
        sa.Column("taken_on", sa.Date(), nullable=False),
        sa.Column("instrument", sa.String(60), primary_key=True),
        sa.Column("item", sa.String(500), primary_key=True),
        sa.Column("value", sa.Float(53), nullable=False),
    )
    op.create_table(
        "missed",
        _patient(),
        sa.Column("visit", sa.String(60), primary_key=True),
        sa.Column("reason", sa.String(60), nullable=False),
    )
    op.create_table(
        "medication",
        _patient(),
        sa.Column("visit", sa.String(60), primary_key=True),
        sa.Column("taken_on", sa.Date(), nullable=False),
        sa.Column("drug", sa.String(500), primary_key=True),
        sa.Column("dose_mg", sa.Float(53), nullable=False),
    )
    _events_and_audit()


def _events_and_audit() -> None:
    op.create_table(
        "events",
        _patient(),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("term", sa.String(60), nullable=False),
        sa.Column("described", sa.String(500)),
        sa.Column("onset", sa.Date(), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=False),
        sa.Column("seriousness", sa.String(60), nullable=False),
        sa.Column("relatedness", sa.String(60), nullable=False),
        sa.Column("expected", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(60), nullable=False),
        sa.Column("sonication", sa.Integer()),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("table_name", sa.String(60), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("digest", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Refuse: a registry is never taken back to having no tables."""
    raise NotImplementedError(
        "The first schema cannot be taken back; restore a backup instead."
    )
