"""Write docs/verification.md: every check of ``insonate verify``, computed now.

    python scripts/make_verification_page.py [--from CHECKS.json] [--date YYYY-MM-DD]

``--from`` takes the output of ``insonate verify --json`` instead of computing the checks again.
Values are rounded to two or three digits, those below 1e-9 are only said to be so, and times are only
compared with their limit, so that the page is the same on another machine.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

from insonate.core.provenance import DISCLAIMER, versions
from insonate.verification import Check
from insonate.verification.areas import run_checks

OUT = Path(__file__).resolve().parent.parent / "docs" / "verification.md"
TIMES = {"ms", "s"}
ROUNDING = 1e-9
SHOWN_VERSIONS = ("insonate", "python", "numpy", "scipy", "numba", "SimpleITK")

HEAD = """# Verification

:::{{warning}}
{disclaimer}
:::

`insonate verify` computes every number below when it is called and compares it with its limit; `insonate verify AREA` does so for
one area, `--json` prints a list of `{{area, check, value, limit, unit, passed, reference}}`. Exit code 0: all limits were kept; 1: one
was not; 2: there is no such area. Nothing is stored that a check could be compared with by mistake: references are closed
forms, conservation laws, observed orders, or numbers printed in papers.

Every helper that judges is itself tested with a deliberately wrong subject (a flipped side, a lost factor, a changed bit) that it must
reject; those tests are in `tests/`.

This page was written by `scripts/make_verification_page.py` on {day} with {versions}. {count} checks, {passed} within their limits.
Values are rounded to two or three digits; a time is machine-dependent and is shown only as kept or not.
"""

TAIL = """
## What is not verified

- **Against measurement.** No hydrophone behind a skull, no thermometry of a phantom or a person has been compared with insonate. All
  references are mathematics or published numbers. That the equations are solved right does not say that they are the
  right ones.
- **The ray engine in a real skull.** It is exact where a skull is a spherical shell or a plate. Diffraction, shear waves and the
  inside of the bone are not in it, and no full-wave solution of the sample head is compared with it on this page unless an area
  above says so.
- **CT mappings.** They are checked to reproduce their papers, not to be true; they disagree with each other.
- **Landmarks and targets.** The frames are exact; that the commissures found in a head are the commissures is not checked beyond the
  atlas itself, for want of labelled heads. The estimate is 3 mm.
- **Segmentation** is checked on the analytic phantom, not on a labelled CT.
- **The partial-volume correction** is tested with the model's own shape; a true spot of another shape gives another error.
- **The thresholds** of lesion and damage are taken from papers; tissue is not simulated beyond its dose.
- **Times** depend on the machine and its load.
"""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="source", type=Path, help="output of verify --json")
    parser.add_argument("--date", type=date.fromisoformat, default=None)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    checks = _read(given.source) if given.source else list(run_checks())
    day = given.date or date.today()  # noqa: DTZ011 - the day where the page is written
    given.out.write_text(page(checks, day), encoding="utf-8")
    print(f"{given.out}: {len(checks)} checks")


def _read(path: Path) -> list[Check]:
    return [Check(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def page(checks: Sequence[Check], day: date) -> str:
    """Return the whole page as Markdown."""
    known = versions()
    shown = ", ".join(f"{name} {known[name]}" for name in SHOWN_VERSIONS if name in known)
    parts = [
        HEAD.format(
            disclaimer=DISCLAIMER,
            day=day.isoformat(),
            versions=shown,
            count=len(checks),
            passed=sum(check.passed for check in checks),
        )
    ]
    ordered = sorted(checks, key=lambda check: _areas(checks).index(check.area))
    parts += [_section(area, rows) for area, rows in groupby(ordered, lambda c: c.area)]
    return "".join([*parts, TAIL])


def _areas(checks: Iterable[Check]) -> list[str]:
    """Return the areas in the order of their first check."""
    return list(dict.fromkeys(check.area for check in checks))


def _section(area: str, checks: Iterable[Check]) -> str:
    rows = "".join(_row(check) for check in checks)
    head = "| check | value | limit | unit | | reference |\n|---|---:|---:|---|---|---|\n"
    return f"\n## {area}\n\n{head}{rows}"


def _row(check: Check) -> str:
    kept = "kept" if check.passed else "**MISSED**"
    cells = (check.check, _value(check), _limit(check), check.unit, kept, check.reference)
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*") if text != "**MISSED**" else text


def _value(check: Check) -> str:
    if check.unit in TIMES:
        return "–"
    if 0.0 < abs(check.value) < ROUNDING:
        return f"<\u00a0{_number(min(ROUNDING, check.limit), 2)}"
    return _number(check.value, 3 if abs(check.value) >= 0.9 else 2)


def _number(value: float, digits: int) -> str:
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.{digits}g}".replace("e-0", "e-")


def _limit(check: Check) -> str:
    """Return the limit with its sense, where the value tells it: a value on the limit does not."""
    if check.value == check.limit:
        return _number(check.limit, 4)
    below = (check.value < check.limit) == check.passed
    return ("≤\u00a0" if below else "≥\u00a0") + _number(check.limit, 4)


if __name__ == "__main__":
    main()
