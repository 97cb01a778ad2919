"""The rows of ``insonate verify outcomes`` pass, and fail on a wrong subject."""

import pytest

from insonate.outcomes import columns, reading
from insonate.outcomes.columns import Column
from insonate.verification import outcomes


def test_every_row_is_kept(monkeypatch):
    monkeypatch.setattr(
        outcomes, "refused_wrongly", lambda count: []
    )  # its own test has both databases
    assert [check.check for check in outcomes.checks() if not check.passed] == []


def test_without_the_check_of_texts_they_are_let_in(monkeypatch):
    parsers = {**columns._PARSERS, columns.Kind.TEXT: lambda column, cell: cell}
    monkeypatch.setattr(columns, "_PARSERS", parsers)
    wrong = outcomes.refused_wrongly(26 * 8)
    told = ("formula", "control characters", "a name", "a hospital number")
    assert wrong
    assert all(what.startswith(told) for what in wrong)


def test_without_the_rules_between_cells_rows_are_let_in(monkeypatch):
    monkeypatch.setattr(reading, "row_faults", lambda table, row, context: iter(()))
    wrong = outcomes.refused_wrongly(26)
    assert wrong[0].endswith("let in")
    assert wrong[1].endswith("left something behind")


@pytest.mark.parametrize("cell", ["=1", "+1", "-x", "@a", "\tx"])
def test_a_formula_is_refused_in_every_text(cell):
    with pytest.raises(ValueError, match="spreadsheet"):
        Column("drug", "text", "name").parse(cell)
