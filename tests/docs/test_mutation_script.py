"""The mutation script: it plants what it says, where it says, and the report is of this code."""

import os
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import trials  # noqa: E402 - lies beside the scripts
from mutants import mutants  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

SOURCE = '''
"""A module."""
LIMIT = 3
Kind = dict[str, int]
TABLE = {"a": 1, "b": 2}

class Guard:
    """A guard."""

    @property
    def asked(self) -> bool:
        """Whether it is asked."""
        return not self.quiet

def above(value: float, limit: int = LIMIT) -> str:
    """Say why."""
    if value <= limit and value != 0:
        return ""
    print(value)
    return f"{value} is above."
'''


def changes(source=SOURCE):
    return {(m.function, m.text, m.change) for m in mutants("m", source)}


@pytest.mark.parametrize("wanted", [
    ("", "LIMIT = 3", "3 + 1"),
    ("", 'TABLE = {"a": 1, "b": 2}', "entry 1 dropped"),
    ("Guard.asked", "return not self.quiet", "Not taken away"),
    ("Guard.asked", "return not self.quiet", "answer forgotten"),
    ("above", "if value <= limit and value != 0:", "LtE → Lt"),
    ("above", "if value <= limit and value != 0:", "And → Or"),
    ("above", "if value <= limit and value != 0:", "condition → True"),
    ("above", 'return ""', "yes → no"),
    ("above", "print(value)", "statement left out"),
    ("above", 'return f"{value} is above."', "answer forgotten"),
])  # fmt: skip
def test_each_kind_of_mistake_is_planted_where_it_is_said(wanted):
    assert wanted in changes()


def test_types_docstrings_and_decorators_are_left_alone_and_no_mutant_comes_twice():
    assert not any(t.startswith(("Kind", "@property")) for _, t, _ in changes())
    sources = [m.source for m in mutants("m", SOURCE)]
    assert len(sources) == len(set(sources))
    assert len({m.key for m in mutants("m", SOURCE)}) == len(sources)
    for source in sources:
        compile(source, "mutant", "exec")


def test_a_change_reaches_the_living_function_and_stays_in_its_process():
    from insonate.control import look  # noqa: PLC0415 - the module that is changed

    source = trials.path_of("insonate.control.look").read_text("utf-8")
    mutant = next(
        m
        for m in mutants("insonate.control.look", source)
        if m.function == "cem43_of_ramp" and m.change == "Div → Mult"
    )
    before = look.cem43_of_ramp(43.0, 43.0, 60.0)

    def task(mouth):
        planted = trials.plant(mutant)
        os.write(mouth, repr(look.cem43_of_ramp(43.0, 43.0, 60.0)).encode())
        return 0 if planted else 1

    code, text = trials.forked(task)
    assert code == 0
    assert float(text) != pytest.approx(before)
    assert look.cem43_of_ramp(43.0, 43.0, 60.0) == before == pytest.approx(1.0)


def test_a_task_that_hangs_is_ended_and_one_that_fails_says_so(monkeypatch):
    monkeypatch.setattr(trials, "PATIENCE_S", 0.05)
    assert trials.forked(lambda _: os.read(os.pipe()[0], 1)) == (-1, "")

    def computes(mouth):
        while True:
            pass

    assert trials.forked(computes) == (-1, "")
    assert trials.forked(lambda _: 1 // 0)[0] == 1


def test_every_equivalent_mutant_has_a_reason_and_stands_in_its_module():
    table = tomllib.loads((ROOT / "scripts" / "equivalent_mutants.toml").read_text("utf-8"))
    for row in table["mutant"]:
        assert len(row["reason"]) > 20
        lines = trials.path_of(row["module"]).read_text("utf-8").splitlines()
        assert row["text"] in {line.strip() for line in lines}
