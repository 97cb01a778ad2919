"""Write docs/safety/hazards.md, docs/safety/states.md and the table of docs/scenarios.md from the code.

``python scripts/make_safety_pages.py [--check]``; with ``--check`` nothing is written, and the exit
code is 1 where a page is not what the code says, or a guard has no test.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "control"))

from guard_cases import ARMED, POWERED  # noqa: E402 - found beside the tests

from insonate.control.guards import GUARDS, Guard  # noqa: E402
from insonate.control.hazards import Hazard  # noqa: E402
from insonate.control.table import TABLE, Cause, legal_verbs  # noqa: E402
from insonate.core.provenance import DISCLAIMER  # noqa: E402
from insonate.events import State, Verb  # noqa: E402
from insonate.plant import SCENARIOS  # noqa: E402

PAGES = ROOT / "docs" / "safety"
TESTS = "tests/control/test_control_guards.py"
START, ON = (
    "test_each_guard_forbids_the_start_for_its_reason",
    "test_each_guard_forbids_going_on_for_its_reason",
)

HAZARDS = """\
<!-- Written by scripts/make_safety_pages.py from control/guards.py; do not edit. -->
# Hazards, and what stands against each

{disclaimer}

In the manner of ISO 14971: what could do harm, how it comes about, what harm it does, which guard says
no, and the test that shows it saying no. There is no claim of conformity with that standard or any
other: nobody estimated probabilities, no risk was accepted, and the controller drives a simulation.

A *guard* is one predicate that must say yes before power and at every tick under it
([how to add one](../add-a-guard.md)). Alarms are named in the words of IEC 60601-1-8, again without a
claim: *priority* says how urgent an answer is; a *latching* alarm stays after its cause has gone,
until the operator *acknowledges* it (the verb `acknowledge`; the record says whether the cause was
still there). Before that nothing is resumed and nothing starts. Guards latch that end more than one
sonication: a patient, a moved head, a fault, a lost clock. An alarm that does not latch ends by itself
when its guard says yes; the power it took away does not come back by itself. While a sonication is
armed, a guard that begins to say no is told at the next tick, before anybody asks for power.

"""


def hazard_rows(hazard: Hazard) -> list[str]:
    """Return the rows of one hazard's table."""
    rows = [
        f"## {hazard.title.capitalize()}",
        "",
        f"Harm: {hazard.value}.",
        "",
        "| how it comes about | guard | what clears it | alarm | source | tests |",
        "|---|---|---|---|---|---|",
    ]
    for guard in (g for g in GUARDS if g.hazard is hazard):
        alarm = f"{guard.priority}, {'latching' if guard.latching else 'not latching'}"
        rows.append(
            f"| {guard.arises} | **{guard.name}**: {summary(guard)} | {guard.clears} | {alarm} | "
            f"{guard.source} | {tests_of(guard)} |"
        )
    return [*rows, ""]


def summary(guard: Guard) -> str:
    """Return the first sentence of a predicate's docstring, as what it does."""
    text = (guard.says_no.__doc__ or "").strip().splitlines()[0]
    return text[0].lower() + text[1:].rstrip(".")


def tests_of(guard: Guard) -> str:
    """Return the tests that show a guard saying no; a guard without one is an error."""
    found = [(START, len(ARMED.get(guard.name, []))), (ON, len(POWERED.get(guard.name, [])))]
    shown = [f"`{name}[{guard.name}-0…{n - 1}]`" for name, n in found if n]
    if not shown:
        raise SystemExit(
            f"The guard '{guard.name}' has no test; add a case to tests/control/guard_cases.py."
        )
    return ", ".join(shown)


def hazards_page() -> str:
    """Return the page of hazards."""
    lines = [HAZARDS.format(disclaimer=DISCLAIMER)]
    for hazard in Hazard:
        lines += hazard_rows(hazard)
    lines += [f"All tests named here are in `{TESTS}`.", ""]
    return "\n".join(lines)


STATES = """\
<!-- Written by scripts/make_safety_pages.py from control/table.py; do not edit. -->
# States of a treatment

{disclaimer}

The table that decides is `insonate.control.table.TABLE`; this page is written from it, and so are the
buttons of a console (`legal_verbs`). What is not in it is refused with a sentence, and the state is
unchanged. Power is on in *sonicating* alone; its stage (align, verify, treat) is remembered beside the
state, and the guard *stage order* keeps treat from starting before the focus was confirmed and verified.

## Five verbs that end something

| verb | what happens to the power | what is kept | what goes on needs |
|---|---|---|---|
| hold | stays on to the end of this sonication | everything | a resume with a reason |
| pause | off now | everything; new references are due | a resume with a reason |
| stop | off now | the record, what was learned of the efficiency; the focus must be confirmed and verified again | an approval, then a resume with a reason |
| abort | off now | the record | nothing: the treatment is over, out of order |
| finish | must be off already | the record | nothing: the treatment is over, in order |

A sixth verb ends no power but an alarm: *acknowledge* says that every latching alarm was heard
([Hazards](hazards.md)). Nothing is resumed and nothing starts before it.

"""


def states_page() -> str:
    """Return the page of states: a table with one row for each state, and the diagram as text."""
    lines = [
        STATES.format(disclaimer=DISCLAIMER),
        "## What each state allows",
        "",
        "| state | the operator may ask for | the controller itself may bring about |",
        "|---|---|---|",
    ]
    for state in State:
        asks = ", ".join(f"{v} → {TABLE[state][v]}" for v in legal_verbs(state)) or "nothing"
        causes = [c for c in Cause if c in TABLE[state]]
        brings = ", ".join(f"{c} → {TABLE[state][c]}" for c in causes) or "nothing"
        lines.append(f"| {state} | {asks} | {brings} |")
    lines += [
        "",
        "## The diagram",
        "",
        "```{literalinclude} states.dot",
        ":language: dot",
        "```",
        "",
    ]
    lines += ["Drawn from `states.dot` by any Graphviz: `dot -Tsvg states.dot`.", ""]
    return "\n".join(lines)


def diagram() -> str:
    """Return the state diagram in Graphviz's language, one arrow for each pair of states."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, row in TABLE.items():
        for trigger, after in row.items():
            arrows.setdefault((state, after), []).append(str(trigger))
    lines = ["digraph treatment {", "  rankdir=TB; node [shape=box, style=rounded];"]
    lines.append(f'  "{State.SONICATING}" [style="rounded,filled", fillcolor="#f4c7c3"];')
    for (before, after), triggers in arrows.items():
        dashed = ", style=dashed" if all(t not in set(Verb) for t in triggers) else ""
        lines.append(f'  "{before}" -> "{after}" [label="{"; ".join(triggers)}"{dashed}];')
    return "\n".join([*lines, "}", ""])


COURSE = (
    State.PLANNED, State.POSITIONED, State.BASELINE, State.ARMED, State.SONICATING,
    State.COOLING, State.REVIEW,
)  # fmt: skip
"""The usual course, drawn from top to bottom; all other states stand beside it."""
WAYS_OUT = tuple(state for state in State if state not in COURSE)
PLACE = {
    **{state: (200, 50 + 90 * n) for n, state in enumerate(COURSE)},
    **{state: (640, 95 + 160 * n) for n, state in enumerate(WAYS_OUT)},
}


def picture() -> str:
    """Return the state diagram as SVG: the course with its triggers, ways out in grey."""
    lines = [
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 660" role="img"'
            ' font-family="sans-serif" font-size="13">'
        ),
        "<title>States of a treatment, drawn from the controller's table</title>",
        (
            '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#444"/></marker></defs>'
        ),
    ]
    for state, row in TABLE.items():
        for after in dict.fromkeys(row.values()):
            named = "; ".join(str(t) for t, to in row.items() if to is after)
            lines += arrow(state, after, named)
    lines += [line for state in State for line in box(state)]
    return "\n".join([*lines, "</svg>", ""])


def arrow(before: State, after: State, named: str) -> list[str]:
    """Return an arrow: labelled within the course, thin and grey to and from the ways out."""
    (x, y), (u, v) = PLACE[before], PLACE[after]
    if before is after:
        return []
    if before in COURSE and after in COURSE:
        if COURSE.index(after) == COURSE.index(before) + 1:
            path, at = f"M{x},{y + 18} L{u},{v - 18}", (x + 8, (y + v) // 2 + 4)
        else:
            bend = x - 110 - 12 * abs(COURSE.index(after) - COURSE.index(before))
            path = f"M{x - 60},{y} C{bend},{y} {bend},{v} {u - 60},{v}"
            return [f'<path d="{path}" fill="none" stroke="#888" marker-end="url(#a)"/>']
        label = f'<text x="{at[0]}" y="{at[1]}" fill="#444">{named}</text>'
        return [f'<path d="{path}" stroke="#444" marker-end="url(#a)"/>', label]
    side, other = (60, -60) if u > x else ((-60, 60) if u < x else (0, 0))
    drop = (18, -18) if side == 0 and v > y else ((-18, 18) if side == 0 else (0, 0))
    path = f"M{x + side},{y + drop[0]} L{u + other},{v + drop[1]}"
    return [
        (
            f'<path d="{path}" fill="none" stroke="#bbb" marker-end="url(#a)">'
            f"<title>{before} → {after}: {named}</title></path>"
        )
    ]


def box(state: State) -> list[str]:
    """Return a state; power is on in the red one alone."""
    x, y = PLACE[state]
    fill = "#f4c7c3" if state is State.SONICATING else "#eef3f6"
    lines = [
        (
            f'<rect x="{x - 60}" y="{y - 18}" width="120" height="36" rx="8" fill="{fill}" '
            'stroke="#444"/>'
        ),
        f'<text x="{x}" y="{y + 5}" text-anchor="middle">{state}</text>',
    ]
    if state in WAYS_OUT:
        rows = ((before, row) for before, row in TABLE.items() if before is not state)
        by = dict.fromkeys(str(t) for _, row in rows for t, to in row.items() if to is state)
        lines.append(f'<text x="{x - 60}" y="{y + 36}" fill="#444">{", ".join(by)}</text>')
    return lines


BEGINS, ENDS = (
    "<!-- the table is written by scripts/make_safety_pages.py -->\n",
    "<!-- end of the table -->",
)


def scenarios_page() -> str:
    """Return the page of scenarios with its table as the files have it."""
    before, _, rest = (PAGES.parent / "scenarios.md").read_text("utf-8").partition(BEGINS)
    lines = ["| name | what happens | how it must end |", "|---|---|---|"]
    for name, scenario in SCENARIOS.items():
        told = scenario.expect.sentence if scenario.expect is not None else ""
        lines.append(f"| `{name}` | {scenario.description} | {told} |")
    return before + BEGINS + "\n".join([*lines, ENDS]) + rest.partition(ENDS)[2]


def pages() -> dict[Path, str]:
    """Return every page with its text."""
    return {
        PAGES / "hazards.md": hazards_page(),
        PAGES / "states.md": states_page(),
        PAGES / "states.dot": diagram(),
        PAGES / "states.svg": picture(),
        PAGES.parent / "scenarios.md": scenarios_page(),
    }


def main() -> None:
    """Write the pages, or check them."""
    stale = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what the code says; run this script.")
        raise SystemExit(bool(stale))
    PAGES.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
