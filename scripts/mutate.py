"""Plant one mistake at a time in the run-time of a treatment, and see whether a test finds it.

``python scripts/mutate.py PART ... [--report docs/safety/mutation.md] [--afresh]``. Parts: guards,
table, chain (in which no mutant may survive), control, record (what is left of the two packages);
none: all. What a mutant is, says ``scripts/mutants.py``; how it is tried, ``scripts/trials.py``: in
memory, the files are never touched. What was found is kept in ``build/mutation.jsonl``: a run that
was broken off goes on; a mutant that was found counts until its module changes, a survivor until
a test of its part does. Survivors that change nothing that anybody could see stand in
``scripts/equivalent_mutants.toml``, each with its reason. Exit code 1 where another one survives.
"""

import argparse
import hashlib
import json
import os
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import hypothesis  # noqa: E402
import pytest  # noqa: E402
from mutants import Mutant, mutants  # noqa: E402 - lies beside
from trials import FATES, Trial, loaded_anew, path_of  # noqa: E402

import insonate.record.export  # noqa: E402 - loaded once, before processes fork
import insonate.testing.treatment  # noqa: E402
import insonate.verification.record  # noqa: E402, F401

KEPT = ROOT / "build" / "mutation.jsonl"
EQUIVALENT = ROOT / "scripts" / "equivalent_mutants.toml"
LEFT_OUT = (
    "not killed and not planted and not survives and not every_bit and not change_of_one_bit "
    "and not wrong_controller and not RandomTreatment and not random_treatments "
    "and not all_checks_of_the_area"
)
"""Tests that take seconds and say nothing that quicker ones do not."""

QUIET = (
    "-q", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip

_GUARDS = tuple(
    f"tests/control/test_control_{name}.py"
    for name in ("table", "guards", "edges", "corners", "sight", "step")
)
_CONTROL = tuple(
    f"tests/control/test_control_{name}.py" for name in ("regulator", "deciding", "treatment")
)
_RECORD = ("tests/record/test_record_chain.py", "tests/record/test_record_export.py")
PARTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "guards": (
        "control",
        ("predicates.order", "predicates.people", "predicates.plant", "predicates.sight",
         "predicates.tissue", "guards", "hazards", "look"),
        (*_GUARDS, "tests/docs/test_safety_pages.py"),
    ),
    "table": ("control", ("table",), _GUARDS),
    "chain": (
        "record",
        ("lines", "reading", "migrations", "writing", "arrays", "lock", "places", "replay"),
        _RECORD,
    ),
    "control": (
        "control",
        ("automatic", "commands", "moves", "observing", "pid", "regulator", "review", "settings",
         "state", "step", "summary"),
        (*_GUARDS, *_CONTROL),
    ),
    "record": ("record", ("deidentify", "export"), _RECORD),
}  # fmt: skip
"""For each part its package, the modules that are changed, and the tests that must find it."""
STRICT = ("guards", "table", "chain")


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant, by which test, among which tests."""

    key: str
    fate: str
    by: str
    tests: str


def modules_of(part: str) -> tuple[str, ...]:
    """Return the modules of a part by their full names."""
    package, names, _ = PARTS[part]
    return tuple(f"insonate.{package}.{name}" for name in names)


def mutants_of(part: str) -> Iterator[Mutant]:
    """Yield every mutant of a part."""
    for module in modules_of(part):
        yield from mutants(module, path_of(module).read_text("utf-8"))


def tests_of(part: str) -> str:
    """Return the digest of a part's tests, and of what helps them beside them."""
    paths = {ROOT / path for path in PARTS[part][2]}
    paths |= {p for q in tuple(paths) for p in q.parent.glob("*.py") if p.name[:5] != "test_"}
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def known(part: str) -> dict[str, Verdict]:
    """Return what was found before and still counts."""
    if not KEPT.exists():
        return {}
    tests = tests_of(part)
    told = (Verdict(**json.loads(line)) for line in KEPT.read_text("utf-8").splitlines())
    return {v.key: v for v in told if v.fate != "survived" or v.tests == tests}


class Memory:
    """Keeps every verdict on the disk, and tells of survivors."""

    def __init__(self, part: str) -> None:
        self._tests = tests_of(part)
        KEPT.parent.mkdir(exist_ok=True)

    def tell(self, mutant: Mutant, fate: str, by: str) -> None:
        """Keep one verdict."""
        verdict = Verdict(mutant.key, fate, by, self._tests)
        with KEPT.open("a", encoding="utf-8") as file:
            file.write(json.dumps(vars(verdict)) + "\n")
        if fate == "survived":
            place = f"{mutant.module}:{mutant.line}"
            print(f"SURVIVED {place} {mutant.change}: {mutant.text}", flush=True)


def try_all(part: str, *, afresh: bool) -> None:
    """Try every mutant of a part of which nothing is known."""
    before = {} if afresh else known(part)
    todo = [mutant for mutant in mutants_of(part) if mutant.key not in before]
    watched = KEPT.with_name(f"mutation-{part}.json")
    if afresh:
        watched.unlink(missing_ok=True)
    folder = ROOT / "tests" / PARTS[part][0]
    options = (*QUIET, f"--confcutdir={folder}", "-k", LEFT_OUT, *PARTS[part][2])
    memory = Memory(part)
    hypothesis.settings.register_profile(
        "mutate", derandomize=True, database=None, deadline=None
    )
    hypothesis.settings.load_profile("mutate")
    if not todo:
        return
    trial = Trial(todo, modules_of(part), memory.tell, watched)
    pytest.main(["-s", *options], plugins=[trial])
    if trial.left and loaded_anew(None, options)[0] != 0:
        raise SystemExit(f"The tests of {part} do not pass without any mutant.")
    for mutant in trial.left:
        code, by = loaded_anew(mutant, options)
        memory.tell(mutant, FATES.get(code, "killed"), by)


# --- the report --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What is known of a part: how many mutants, their fates, survivors, and the excused ones."""

    part: str
    count: int
    fates: Counter[str]
    survivors: tuple[Mutant, ...]
    excused: tuple[tuple[Mutant, str], ...]
    unknown: int


def reasons() -> dict[tuple[str, str, str], str]:
    """Return why each equivalent mutant is one, by module, line and change."""
    table = tomllib.loads(EQUIVALENT.read_text("utf-8"))
    return {(m["module"], m["text"], m["change"]): m["reason"] for m in table["mutant"]}


def found(part: str) -> Found:
    """Return what is known of a part."""
    verdicts, why = known(part), reasons()
    all_of_it = list(mutants_of(part))
    fates = Counter(verdicts[m.key].fate for m in all_of_it if m.key in verdicts)
    alive = [m for m in all_of_it if m.key in verdicts and verdicts[m.key].fate == "survived"]
    named = [(m, why.get((m.module, m.text, m.change))) for m in alive]
    return Found(
        part,
        len(all_of_it),
        fates,
        tuple(m for m, reason in named if reason is None),
        tuple((m, reason) for m, reason in named if reason is not None),
        sum(m.key not in verdicts for m in all_of_it),
    )


HEAD = """\
<!-- Written by scripts/mutate.py; do not edit. -->
# Mutation testing of controller and record

`python scripts/mutate.py` plants one small mistake at a time in the code that runs and records a treatment (a
comparison turned, a limit moved by its edge, a condition made constant, an answer forgotten, an entry of the table dropped, a
statement left out) and runs the tests that go through it. A mistake that no test finds is a *survivor*: either a test is missing,
or the change is none that anybody could see (*equivalent*; each is listed with its reason). In guards, table and chain no
other mutant survives.

| part | modules | mutants | found by a test | found by hanging | equivalent | survivors |
|---|---|---|---|---|---|---|
"""


def page(parts: Sequence[Found]) -> str:
    """Return the report."""
    rows = "".join(_row(one) for one in parts)
    lines = ["", "## Equivalent mutants", ""]
    for one in parts:
        lines += [f"- `{m.module}`: `{m.text}` ({m.change}). {why}" for m, why in one.excused]
    lines += ["", "## Survivors", ""]
    alive = [m for one in parts for m in one.survivors]
    lines += [f"- `{m.module}`: `{m.text}` ({m.change})" for m in alive] or ["None."]
    return HEAD + rows + "\n".join([*lines, ""])


def _row(one: Found) -> str:
    package, names, _ = PARTS[one.part]
    listed = ", ".join(f"`{package}.{name}`" for name in names)
    unknown = f" ({one.unknown} not tried)" if one.unknown else ""
    return (
        f"| {one.part} | {listed} | {one.count}{unknown} | {one.fates['killed']} | "
        f"{one.fates['hung']} | {len(one.excused)} | {len(one.survivors)} |\n"
    )


def main() -> None:
    """Try the parts that were asked for, and tell what is known of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--report", type=Path, help="write the report as a page")
    parser.add_argument("--afresh", action="store_true", help="forget what was found before")
    asked = parser.parse_args()
    os.chdir(ROOT)
    parts = asked.parts or list(PARTS)
    if wrong := set(parts) - set(PARTS):
        parser.error(f"There is no part {', '.join(wrong)}; choose from {', '.join(PARTS)}.")
    for part in parts:
        began = time.monotonic()
        try_all(part, afresh=asked.afresh)
        one = found(part)
        print(
            f"{part}: {one.count} mutants, {one.fates['killed']} killed, {one.fates['hung']} hung, "
            f"{len(one.excused)} equivalent, {len(one.survivors)} survived, {one.unknown} not tried, "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
    if asked.report:
        asked.report.write_text(page([found(part) for part in PARTS]), "utf-8")
    raise SystemExit(any(found(part).survivors for part in parts))


if __name__ == "__main__":
    main()
