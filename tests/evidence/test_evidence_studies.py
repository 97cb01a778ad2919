"""The files of studies: nothing without a source, nobody counted twice."""

import re

import pytest

from insonate.core import DataError, SettingsError
from insonate.evidence import load_studies, read_study, shipped_studies, study_schema
from insonate.evidence.reading import checked_together
from insonate.evidence.selection import Series, clusters, select
from insonate.evidence.study import Read, Study

TEXT = """
name = "one"
label = "One 2020"
reference = "Someone. A journal 2020;1:1"
year = 2020
team = "team"
design = "case series"
read = "abstract"
read_in = "abstract"
indication = "pain"
target = "thalamus"
finding = "Something."
finding_where = "abstract"
[sample]
treated = 10
where = "abstract"
[[responders]]
name = "relief-50"
months = 3
events = 4
of = 10
where = "abstract, results"
[[bias]]
domain = "confounding"
judgement = "serious"
reason = "No control."
"""


def wheres(value, path=()):
    """Yield the path of every place that must say where a number stands."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from (
                [(*path, key)] if key.endswith("where") else wheres(entry, (*path, key))
            )
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from wheres(entry, (*path, index))


def test_a_whole_file_is_read():
    assert read_study(TEXT, "one.toml").responders[0].events == 4


@pytest.mark.parametrize("empty", ['where = ""', 'where = "  "', ""])
def test_a_number_without_a_source_is_refused(empty):
    text = TEXT.replace('where = "abstract, results"', empty)
    with pytest.raises(DataError, match=r"'responders\.0\.where' is missing or empty"):
        read_study(text, "one.toml")


@pytest.mark.parametrize("study", shipped_studies(), ids=lambda s: s.name)
def test_every_source_of_a_shipped_study_is_needed(study):
    whole = study.model_dump(mode="json", exclude_none=True)
    paths = list(wheres(whole))
    assert len(paths) >= 3
    for path in paths:
        part = study.model_dump(mode="json", exclude_none=True)
        inner = part
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = " "
        with pytest.raises(ValueError, match="where"):
            Study.model_validate(part)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("events = 4", "events = 11", "11 of 10 is impossible"),
        ("events = 4", "events = -1", "greater than or equal to 0"),
        ("events = 4", "events = 4\nprinted_percent = 41", "does not round to the printed 41 %"),
        ("treated = 10", "treated = 10\ncontrols = 5", "cannot have 5 controls"),
        ("treated = 10", "treated = 10\npatients = 9", "only where interventions are counted"),
        ("months = 3", "months = inf", "finite"),
        ("year = 2020", "year = 2020\npromise = 1", "promise"),
        ('reason = "No control."', 'reason = ""', "bias.0.reason"),
        ("year = 2020", "year = ", "is not TOML"),
    ],
)  # fmt: skip
def test_an_impossible_study_is_refused(before, after, said):
    assert before in TEXT
    with pytest.raises(DataError, match=re.escape(said)):
        read_study(TEXT.replace(before, after), "one.toml")


def test_all_faults_are_told_at_once():
    text = TEXT.replace("events = 4", "events = -4").replace('"abstract, results"', '""')
    with pytest.raises(DataError) as error:
        read_study(text, "one.toml")
    assert len(error.value.faults) == 2


def test_two_studies_of_one_team_must_say_whether_they_overlap(tmp_path):
    one, two = read_study(TEXT, "a"), read_study(TEXT.replace('"one"', '"two"'), "b")
    with pytest.raises(DataError, match="neither says whether"):
        checked_together([one, two])
    (tmp_path / "one.toml").write_text(TEXT, "utf-8")
    (tmp_path / "two.toml").write_text(TEXT, "utf-8")
    with pytest.raises(DataError, match="2 studies called 'one'"):
        load_studies([tmp_path], shipped=False)


@pytest.mark.parametrize(("shared", "size"), [("none", 1), ("possible", 2), ("certain", 2)])
def test_an_overlap_makes_a_cluster_unless_it_is_denied(shared, size):
    said = f'\n[[overlaps]]\nstudy = "one"\npeople_shared = "{shared}"\nreason = "known"\n'
    two = TEXT.replace('"one"', '"two"').replace("of = 10", "of = 12") + said
    both = checked_together([read_study(TEXT, "a"), read_study(two, "b")])
    assert max(map(len, clusters(both))) == size
    chosen = select([Series(s, s.responders[0]) for s in both], both)
    assert len(chosen.pooled) == 3 - size
    assert [one.study.name for one, _ in chosen.left_out] == ["one"] * (size - 1)


def test_an_overlap_with_nothing_is_refused():
    said = '\n[[overlaps]]\nstudy = "gone"\npeople_shared = "none"\nreason = "known"\n'
    with pytest.raises(DataError, match="overlaps with 'gone'"):
        checked_together([read_study(TEXT + said, "a")])


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_studies([tmp_path / "none.toml"])
    with pytest.raises(SettingsError, match="no study to read"):
        load_studies([tmp_path], shipped=False)


def test_the_shipped_studies_say_what_was_read_and_one_has_a_sham():
    studies = shipped_studies()
    assert len(studies) == 7
    assert {s.read for s in studies} <= {Read.ABSTRACT, Read.SECOND_HAND}
    assert sum(s.sample.controls for s in studies) == 5
    years = [s.year for s in studies]
    assert years == sorted(years)


def test_the_schema_requires_a_source():
    schema = study_schema()
    for part in ("Responders", "MeanChange", "AdverseEvent", "Sample", "FollowUp"):
        assert "where" in schema["$defs"][part]["required"]
