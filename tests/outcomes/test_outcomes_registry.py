"""The registry on SQLite and PostgreSQL: all or nothing, every change told, backups, exports."""

import csv
import json

import numpy as np
import postgres
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from fhir.resources.bundle import Bundle
from pyarrow import parquet

from insonate.core import DataError, SettingsError
from insonate.core.provenance import DISCLAIMER
from insonate.outcomes.backup import back_up, restore
from insonate.outcomes.checking import check_registry
from insonate.outcomes.columns import TABLES
from insonate.outcomes.database import AUDIT, METADATA, SQL, schema_version
from insonate.outcomes.exporting import export
from insonate.outcomes.registry import open_registry
from insonate.outcomes.reporting import write_report
from insonate.verification.malformed import SPOILERS, good_rows, let_in, write_rows

PASSPHRASE = "correct horse battery"


def content(registry):
    return [sorted(registry.rows(name), key=str) for name in TABLES]


def trail(registry):
    return list(registry.trail())


def test_the_migrated_schema_is_the_one_that_is_used(registry):
    with registry.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
    with registry.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE events ADD COLUMN planted INTEGER"))
    with registry.engine.connect() as connection:
        assert len(compare_metadata(MigrationContext.configure(connection), METADATA)) == 1


def test_a_registry_is_migrated_once_and_never_emptied(filled, address):
    again = open_registry(address, who="tester", create=True)
    assert content(again) == content(filled)
    assert schema_version(again.engine) == "0001"
    again.engine.dispose()


def test_what_is_imported_is_there_and_each_row_is_in_the_trail(filled):
    assert len(filled.rows("answers")) == 12
    entries = trail(filled)
    assert len(entries) == sum(len(filled.rows(name)) for name in TABLES)
    assert {e["who"] for e in entries} == {"tester"}
    assert {e["at"] for e in entries} == {"2025-06-01T12:00:00+00:00"}
    assert [e["number"] for e in entries] == list(range(1, len(entries) + 1))


def test_wrong_imports_are_refused_whole(filled, tmp_path):
    def everything():
        return content(filled), trail(filled)

    def other_site(folder):
        """The good rows are there already: their doubles must not hide what is wrong."""
        for file in folder.glob("*.csv"):
            file.write_text(file.read_text("utf-8").replace("SITE1-", "SITE3-"), "utf-8")
        return filled.import_csv(folder)

    rng = np.random.default_rng(1)
    assert let_in(other_site, everything, tmp_path / "bad", len(SPOILERS), rng) == []


def test_an_importer_that_forgets_a_check_is_found(tmp_path):
    rng = np.random.default_rng(1)
    wrong = let_in(lambda folder: None, lambda: 0, tmp_path, 26, rng)
    assert len(wrong) == 26
    left = iter(range(100))
    wrong = let_in(lambda folder: None, lambda: next(left), tmp_path, 26, rng)
    assert "left something behind" in wrong[-1]


def test_an_error_in_the_middle_of_writing_leaves_nothing(filled, tmp_path, monkeypatch):
    before = content(filled), trail(filled)
    write_rows(good_rows(2, "SITE7"), tmp_path / "more")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("insonate.outcomes.registry.chained", full)
    with pytest.raises(OSError, match="disk full"):
        filled.import_csv(tmp_path / "more")
    monkeypatch.undo()
    assert (content(filled), trail(filled)) == before


def test_the_same_import_twice_is_refused(filled, tmp_path):
    before = content(filled)
    with pytest.raises(DataError, match="has this row already"):
        filled.import_csv(tmp_path / "in")
    assert content(filled) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("patient,visit\n", "it must have"),
        ("patient,visit,reason\nSITE1-0001,month-3\n", "2 cells instead of 3"),
        ('patient,visit,reason\n"SITE1-0001,month-3,ill\n', "cannot be read as CSV"),
        ("", "columns none"),
        ("patient,visit,reason\n#SITE1-0001,month-3,ill\n", "row 2, 'patient'"),
    ],
)
def test_a_file_that_is_no_table_is_refused(filled, tmp_path, text, said):
    (tmp_path / "missed.csv").write_text(text, "utf-8")
    with pytest.raises((SettingsError, DataError), match=said):
        filled.import_csv(tmp_path / "missed.csv")
    with pytest.raises(SettingsError, match="nothing to import"):
        filled.import_csv(tmp_path / "other.csv")


def test_blank_lines_and_remarks_are_passed_over(filled, tmp_path):
    text = "patient,visit,reason\n\nSITE1-0001,month-3,ill\n# a remark\n\n"
    (tmp_path / "missed.csv").write_text(text, "utf-8")
    assert filled.import_csv(tmp_path / "missed.csv") == 1


def test_one_row_is_added_and_amended_with_what_it_was(filled):
    row = {"patient": "SITE1-0002", "visit": "month-12", "reason": "withdrew"}
    filled.add("missed", row)
    changed = filled.amend("missed", row | {"reason": "died"})
    assert changed["reason"] == "died"
    last = trail(filled)[-1]
    assert json.loads(last["before"])["reason"] == "withdrew"
    assert json.loads(last["after"])["reason"] == "died"
    assert last["action"] == "amend"
    assert check_findings(filled, "trail") == []


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            {"patient": "SITE1-0001", "visit": "month-6", "reason": "ill"},
            "has this row already",
        ),
        ({"patient": "SITE1-0009", "visit": "month-6", "reason": "ill"}, "no patient"),
        ({"patient": "SITE1-0001", "visit": "month-3", "reason": "bored"}, "choose one of"),
        ({"patient": "SITE1-0001", "visit": "month-3"}, "'reason': It is empty"),
        (
            {"patient": "SITE1-0001", "visit": "month-3", "reason": "ill", "name": "x"},
            "no column",
        ),
    ],
)
def test_a_wrong_row_is_not_added(filled, cells, said):
    before = content(filled), trail(filled)
    with pytest.raises(DataError, match=said):
        filled.add("missed", cells)
    assert (content(filled), trail(filled)) == before


def test_what_is_not_there_cannot_be_amended(filled):
    with pytest.raises(DataError, match="There is no row"):
        filled.amend("missed", {"patient": "SITE1-0001", "visit": "day-1", "reason": "ill"})
    with pytest.raises(DataError, match="choose one of"):
        filled.amend("missed", {"patient": "SITE1-0001", "visit": "month-6", "reason": "bored"})
    with pytest.raises(SettingsError, match="no table 'names'"):
        filled.add("names", {})


def check_findings(registry, kind):
    return [f.sentence for f in check_registry(registry) if f.kind == kind]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE audit SET after='{}' WHERE number=5", ["Entry 5 of the audit trail was changed."]),
        ("UPDATE audit SET who='me' WHERE number=2", ["Entry 2 of the audit trail was changed."]),
        ("DELETE FROM audit WHERE number=4", ["Entry 4 of the audit trail is missing.", "Entry 5 of the audit trail was changed."]),
    ],
)  # fmt: skip
def test_a_changed_trail_is_found(filled, change, found):
    assert check_findings(filled, "trail") == []
    with filled.engine.begin() as connection:
        connection.execute(sa.text(change))
    assert check_findings(filled, "trail") == found


def test_the_check_says_what_is_missing(filled):
    missing = check_findings(filled, "missing")
    assert "The visit at 1 week is over and nothing says why not." in missing
    assert not any("6 months is over" in s for s in missing)
    assert any("EQ-5D-5L at 3 months: no answer to self-care" in s for s in missing)


def test_the_check_says_what_is_out_of_its_window_or_unlikely(filled):
    filled.add("answers", {
        "patient": "SITE1-0001", "visit": "week-1", "taken_on": "2024-05-01", "instrument": "nrs",
        "item": "current", "value": "3",
    })  # fmt: skip
    filled.add("events", {
        "patient": "SITE1-0001", "number": "2", "term": "bleeding", "onset": "2024-05-01", "grade": "4",
        "seriousness": "none", "relatedness": "possible", "expected": "no", "outcome": "unknown",
    })  # fmt: skip
    assert check_findings(filled, "window") == [
        "The visit at 1 week was on 2024-05-01; due 2024-01-17."
    ]
    assert check_findings(filled, "unlikely") == [
        "Event 2 began 112 days after.",
        "Event 2 is of grade 4 and not serious.",
    ]


def test_a_backup_is_sealed_and_restores_everything(filled, tmp_path):
    path = tmp_path / "backup.bin"
    count = back_up(filled, path, PASSPHRASE)
    assert b"SITE1" not in path.read_bytes()
    empty = open_registry(str(tmp_path / "restored.db"), who="x", create=True)
    assert restore(empty, path, PASSPHRASE) == count
    assert content(empty) == content(filled)
    assert trail(empty) == trail(filled)
    assert check_findings(empty, "trail") == []
    with pytest.raises(SettingsError, match="not empty"):
        restore(empty, path, PASSPHRASE)
    empty.engine.dispose()


def test_a_backup_of_sqlite_restores_into_postgresql(filled, tmp_path, postgres_address):
    back_up(filled, tmp_path / "backup.bin", PASSPHRASE)
    name = f"moved_{filled.engine.dialect.name}"
    moved = open_registry(postgres.new_database(postgres_address, name), who="x", create=True)
    restore(moved, tmp_path / "backup.bin", PASSPHRASE)
    assert content(moved) == content(filled)
    assert trail(moved) == trail(filled)
    moved.engine.dispose()


def test_the_three_exports_hold_the_same(filled, tmp_path):
    export(filled, tmp_path / "csv", "csv")
    export(filled, tmp_path / "parquet", "parquet")
    export(filled, tmp_path / "fhir", "fhir")
    for name, table in TABLES.items():
        rows = parquet.read_table(tmp_path / "parquet" / f"{name}.parquet").to_pylist()
        assert sorted(rows, key=str) == sorted(filled.rows(name), key=str)
        with (tmp_path / "csv" / f"{name}.csv").open(encoding="utf-8") as file:
            lines = list(csv.reader(file))
        assert lines[-1] == [f"# {DISCLAIMER}"]
        parsed = [
            {c.name: c.parse(cell) for c, cell in zip(table.columns, line, strict=True)}
            for line in lines[1:-1]
        ]
        assert sorted(parsed, key=str) == sorted(filled.rows(name), key=str)
    dictionary = json.loads((tmp_path / "csv" / "dictionary.json").read_text("utf-8"))
    assert set(dictionary["tables"]) == set(TABLES)
    assert dictionary["instruments"]["bpi"]["source"].startswith("Cleeland 2009")


def test_every_bundle_validates_and_is_marked_as_a_test(filled, tmp_path):
    export(filled, tmp_path / "fhir", "fhir")
    text = (tmp_path / "fhir" / "SITE1-0001.json").read_text("utf-8")
    bundle = Bundle.model_validate_json(text)
    kinds = [entry.resource.get_resource_type() for entry in bundle.entry]
    assert kinds.count("QuestionnaireResponse") == 4
    assert set(kinds) == {"Patient", "Device", "Procedure", "QuestionnaireResponse", "Observation", "AdverseEvent"}  # fmt: skip
    labels = [r["resource"]["meta"]["security"][0]["code"] for r in json.loads(text)["entry"]]
    assert set(labels) == {"HTEST"}
    assert DISCLAIMER in text
    ids = [r["resource"]["id"] for r in json.loads(text)["entry"]]
    assert len(ids) == len(set(ids))


def test_a_bundle_that_is_wrong_does_not_validate(filled, tmp_path):
    export(filled, tmp_path / "fhir", "fhir")
    document = json.loads((tmp_path / "fhir" / "SITE1-0001.json").read_text("utf-8"))
    event = next(
        e for e in document["entry"] if e["resource"]["resourceType"] == "AdverseEvent"
    )
    del event["resource"]["actuality"]
    with pytest.raises(ValueError, match="actuality"):
        Bundle.model_validate(document)


def test_an_export_never_overwrites(filled, tmp_path):
    with pytest.raises(SettingsError, match="not an empty folder"):
        export(filled, tmp_path, "csv")
    with pytest.raises(SettingsError, match="no format 'xls'"):
        export(filled, tmp_path / "new", "xls")


def test_the_report_says_who_what_and_what_is_unknown(filled, tmp_path):
    page = write_report(filled, tmp_path / "report.html").read_text("utf-8")
    assert DISCLAIMER in page
    assert "3 patients, 3 of them simulated" in page
    assert "Intracranial hemorrhage" in page
    assert "none of 3; up to 63 % fits with that" in page
    assert "An event that nobody recorded is not an event that nobody had." in page
    assert page.count("<img") >= 2


def test_an_empty_registry_has_no_report(registry, tmp_path):
    with pytest.raises(SettingsError, match="holds nobody"):
        write_report(registry, tmp_path / "report.html")


def test_a_foreign_database_is_refused(address):
    if "://" not in address:
        with pytest.raises(SettingsError, match="There is no registry"):
            open_registry(address, who="x")
        sa.create_engine(f"sqlite:///{address}").connect().close()
    with pytest.raises(
        SettingsError, match=r"There is no registry|has the schema of something else"
    ):
        open_registry(address, who="x")


def test_every_table_has_its_columns_and_no_name():
    forbidden = {"name", "surname", "address", "birth_date", "phone", "email", "nhs_number"}
    for name, table in SQL.items():
        assert [c.name for c in table.columns] == [c.name for c in TABLES[name].columns]
        assert not forbidden & {c.name for c in table.columns}
    assert "digest" in AUDIT.c
