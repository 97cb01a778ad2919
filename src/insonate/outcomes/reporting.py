"""The report of a registry: who, what came of it, what went wrong, and what is not known."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from insonate.core import SettingsError
from insonate.evidence.plots import png
from insonate.evidence.proportions import exact_interval, never_seen
from insonate.evidence.statement import percent
from insonate.outcomes.checking import Finding, check_registry
from insonate.outcomes.columns import Row
from insonate.outcomes.follow_up import (
    RESPONSES,
    Response,
    Share,
    due,
    kaplan_meier,
    loss_of_relief,
    responders,
    scores,
)
from insonate.outcomes.page import page, picture, table
from insonate.outcomes.plots import course, survival, waterfall
from insonate.outcomes.registry import Registry
from insonate.outcomes.terms import DIAGNOSES, TERMS
from insonate.outcomes.visits import VISITS

PAIN = ("nrs", "current")
FINDINGS_SHOWN = 50


def render_registry(registry: Registry, *, pain: tuple[str, str] = PAIN) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    registry
        An open registry.
    pain
        Instrument and score that responders are counted by.

    Raises
    ------
    SettingsError
        When the registry holds nobody.
    """
    patients = registry.patients()
    if not patients:
        raise SettingsError("The registry holds nobody; add or import patients first.")
    parts = [
        *_who(patients),
        *_pain(registry, patients, pain),
        *_harm(patients, registry.rows("events")),
        *_unknown(check_registry(registry)),
    ]
    return page("Registry", f"Registry report, {registry.today}", parts)


def write_report(registry: Registry, path: Path, *, pain: tuple[str, str] = PAIN) -> Path:
    """Write the report (``render_registry``) and return its path."""
    path.write_text(render_registry(registry, pain=pain), "utf-8")
    return path


def _who(patients: Mapping[str, Row]) -> Iterator[str]:
    simulated = sum(bool(row["simulated"]) for row in patients.values())
    groups = Counter(DIAGNOSES[str(row["diagnosis"])] for row in patients.values())
    yield f"<h2>Who</h2><p>{len(patients)} patients, {simulated} of them simulated.</p>"
    yield table(("diagnosis", "patients"), groups.most_common())


def share_words(share: Share) -> str:
    """Return a share with its exact interval in words."""
    if share.interval is None:
        return "nobody"
    low, high = share.interval
    value = percent(share.events / share.of)
    return f"{share.events} of {share.of}, {value} ({percent(low)} to {percent(high)})"


def _pain(
    registry: Registry, patients: Mapping[str, Row], pain: tuple[str, str]
) -> Iterator[str]:
    found = scores(registry.rows("answers"), *pain)
    due_at = due(patients.values(), registry.today)
    yield f"<h2>Pain ({'/'.join(pain)})</h2>"
    tables = [responders(found, due_at, fall) for fall in RESPONSES]
    if not any(tables):
        yield "<p>No visit after the procedure is due yet, and none was made.</p>"
        return
    yield (
        "<p>Exact 95 % intervals. A missing score is not filled in: the last column counts it as not "
        "responding, and the truth may lie on either side.</p>"
    )
    head = ("visit", "fall of at least", "among those seen", "missing", "among all due")
    yield table(head, [_response_row(r) for rows in tables for r in rows])
    yield picture(png(course(found)), "Every patient's score over the visits")
    for response in tables[0]:
        if response.visit in ("month-3", "month-12") and response.seen.of:
            words = f"Every patient's fall at {VISITS[response.visit].words}"
            yield picture(
                png(waterfall(found, response.visit, missing=response.missing)), words
            )
    spells = loss_of_relief(found, patients)
    if spells:
        yield picture(png(survival(kaplan_meier(spells))), "Share that still has relief")


def _response_row(response: Response) -> tuple[object, ...]:
    return (
        VISITS[response.visit].words,
        f"{response.fall_percent:g} %",
        share_words(response.seen),
        response.missing,
        share_words(response.all_due),
    )


def _harm(patients: Mapping[str, Row], events: list[Row]) -> Iterator[str]:
    yield "<h2>Adverse events</h2>"
    count = len(patients)
    rows = []
    for term in TERMS.values():
        these = [e for e in events if e["term"] == term.code]
        if not these and not term.key:
            continue
        people = len({str(e["patient"]) for e in these})
        serious = len({str(e["patient"]) for e in these if e["seriousness"] != "none"})
        worst = max((int(str(e["grade"])) for e in these), default=0)
        rows.append((term.ctcae, people, serious, worst or "-", _risk(people, count)))
    head = ("CTCAE v5.0 term", "patients", "serious", "worst grade", "share of all patients")
    yield table(head, rows)
    yield "<p>An event that nobody recorded is not an event that nobody had.</p>"


def _risk(people: int, count: int) -> str:
    if people == 0:
        return f"none of {count}; up to {percent(never_seen(count))} fits with that (one-sided 95 %)"
    low, high = exact_interval(people, count)
    return f"{percent(people / count)} ({percent(low)} to {percent(high)})"


def _unknown(findings: tuple[Finding, ...]) -> Iterator[str]:
    kinds = Counter(finding.kind for finding in findings)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"
    yield f"<h2>What is not known or not right</h2><p>Found by the check: {told}.</p>"
    shown = findings[:FINDINGS_SHOWN]
    yield table(
        ("kind", "patient", "finding"), [(f.kind, f.patient, f.sentence) for f in shown]
    )
    if len(findings) > FINDINGS_SHOWN:
        yield f"<p>And {len(findings) - FINDINGS_SHOWN} more; 'registry check' lists all.</p>"
