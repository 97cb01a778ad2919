"""Write docs/cohort-against-series.md: a cohort's results beside published series.

    python scripts/make_cohort_page.py RESULTS_FOLDER COHORT.yaml [--guards FOLDER] [--mappings FOLDER]

RESULTS_FOLDER is what ``insonate cohort run COHORT.yaml --out RESULTS_FOLDER`` wrote; the other two those of
samples/cohorts/cranium-guards.yaml (with ``--guards``) and cranium-mappings.yaml. Every published number is in
``SERIES`` with its source; every other number is computed from the results.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from insonate.cohort.answers import (
    influences,
    share_of,
    silent_guards,
    spread,
    treated,
    without_guards,
)
from insonate.cohort.reporting import CANNOT_KNOW
from insonate.cohort.store import LEFT_OUT, RESULTS, read_results
from insonate.core.provenance import DISCLAIMER, versions
from insonate.outcomes.reporting import share_words

OUT = Path(__file__).resolve().parent.parent / "docs" / "cohort-against-series.md"
Row = dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """One published number and how the cohort's is found; ``judge`` says in words how they agree."""

    what: str
    published: str
    source: str
    found: Callable[[list[Row]], tuple[str, str]]
    why: str


def _values(rows: list[Row], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows if row.get(name) is not None])


def _mean(values: np.ndarray, digits: int = 1) -> str:
    if len(values) == 0:
        return "none"
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _energies(rows: list[Row]) -> tuple[str, str]:
    found = _values(rows, "largest_energy_kj")
    inside = int(((found >= 3.3) & (found <= 36.1)).sum())
    told = f"{found.min():.1f} to {found.max():.1f}, median {np.median(found):.1f}"
    return told, f"{inside} of {len(found)} inside the published range"


def _sonications(rows: list[Row]) -> tuple[str, str]:
    found = _values(rows, "sonications")
    inside = int(((found >= 6) & (found <= 14)).sum())
    return (
        f"{found.min():.0f} to {found.max():.0f}",
        f"{inside} of {len(found)} inside the published range",
    )


def _ratios(rows: list[Row]) -> tuple[str, str]:
    found = _values(rows, "sdr")
    below = int((found < 0.40).sum())
    heads = len({(r["head"], r["marrow"], r["size"], r["thickness"]) for r in rows})
    return (
        f"{below} of {len(found)} below 0.40; {_mean(found, 2)}",
        f"{heads} head{'s' if heads > 1 else ''}: no distribution to compare with a population's",
    )


def _diameter(name: str, published: float) -> Callable[[list[Row]], tuple[str, str]]:
    def found(rows: list[Row]) -> tuple[str, str]:
        diameters = np.cbrt(6.0 * _values(rows, name) / np.pi)
        if len(diameters) == 0:
            return "none", "not compared"
        away = diameters.mean() / published - 1.0
        return (
            f"{_mean(diameters)} mm",
            f"{abs(away):.0%} {'larger' if away > 0 else 'smaller'}",
        )

    return found


def _volume(rows: list[Row]) -> tuple[str, str]:
    found = _values(rows, "true_lesion_mm3")
    return (
        f"{_mean(found)} mm³ above 240 CEM43",
        f"{found.mean() / 68.5:.1%} of the published mean",
    )


def _growth(rows: list[Row]) -> tuple[str, str]:
    found = _values(rows, "energy_per_k_growth")
    if len(found) == 0:
        return "fewer than two treat sonications", "not compared"
    percent = 100.0 * (found - 1.0)
    return (
        f"{_mean(percent)} %",
        "less than published" if percent.mean() < 10 else "as published or more",
    )


def _targeting(rows: list[Row]) -> tuple[str, str]:
    found = _values(rows, "targeting_error_mm")
    return f"{_mean(found, 2)} mm", f"{found.mean() / 0.99:.0%} of the published mean"


def _skull(rows: list[Row]) -> tuple[str, str]:
    skull = influences(
        [r | {"drawn_energy": r["largest_energy_kj"]} for r in rows], "true_skull_degc"
    )
    energy, found = skull.get("drawn_energy"), _values(rows, "true_skull_degc")
    told = "no rank correlation" if energy is None else f"rank correlation {energy:+.2f}"
    return f"skull maxima {found.min():.1f} to {found.max():.1f} °C; {told} with the largest energy", "no marrow lesion is simulated"  # fmt: skip


SERIES = (
    Compared("largest energy of a sonication, kJ", "3.3 to 36.1",
             "the series of central lateral thalamotomy with this kind of device", _energies,
             "The controller takes a fixed step from stage to stage; absorption in the brain is the main unknown."),
    Compared("sonications a patient", "6 to 14", "the same", _sonications,
             "The automatic operator stops when the goal was reached twice and never widens a lesion."),
    Compared("skull density ratio", "half of 246 patients below 0.40; 0.54 ± 0.10 in 23",
             "national series of Taiwan; series of the United States", _ratios,
             "The ratio depends on the CT's kernel by 0.05 or more."),
    Compared("diameter at 100 CEM43", "6.2 ± 1.3 mm (day-1 T2)", "Huang and others 2018, 232 sonications",
             _diameter("true_volume_100_mm3", 6.2),
             "The simulated focus is ideal: phases are set with the rays that make the field."),
    Compared("diameter at 200 CEM43", "5.3 ± 1.2 mm (day-1 T1)", "Huang and others 2018",
             _diameter("true_volume_200_mm3", 5.3), "The same."),
    Compared("lesion volume", "68.5 ± 39.7 mm³", "Moser and others 2013, 30 targets", _volume,
             "An ideal focus 2 mm wide, at 57 °C for seconds and twice; nothing is sonicated beside it to widen the lesion, and no tissue swells until an image of the next day."),
    Compared("energy per °C, second over first treat sonication", "+20 %", "treatment records; source not traced", _growth,
             "Absorption does not change with temperature in the model, nor does the skull."),
    Compared("hottest place to target", "0.99 ± 0.39 mm", "Moser and others 2013", _targeting,
             "Only the drawn registration error and the steering are in it; no distortion of images."),
    Compared("skull", "new marrow lesions in 7 of 30, tied to the largest energy and not to the density ratio",
             "series with MR of the skull", _skull, "Bone has a temperature here, no biology."),
)  # fmt: skip

HEAD = """# A cohort beside published series

:::{{warning}}
{disclaimer}
:::

**{cannot}**

Written by `scripts/make_cohort_page.py` from a run of `{cohort}` with insonate {version}: {count} virtual patients, {refused} of whom
could not be planned. Reached 54 °C in the target within every limit, in truth and as seen: {share} (exact 95 % interval of
drawing from this file).

| what | published | source | this cohort | how they agree | why it may differ |
|---|---|---|---|---|---|
"""


def page(rows: list[Row], cohort: str) -> str:
    """Return the page as Markdown."""
    some = treated(rows)
    head = HEAD.format(
        disclaimer=DISCLAIMER, cannot=CANNOT_KNOW, cohort=cohort, version=versions()["insonate"],
        count=len(rows), refused=len(rows) - len(some), share=share_words(share_of(rows)),
    )  # fmt: skip
    lines = [
        f"| {c.what} | {c.published} | {c.source} | {' | '.join(c.found(some))} | {c.why} |\n"
        for c in SERIES
    ]
    return head + "".join(lines)


GUARDED = """
## What each guard prevents

`samples/cohorts/cranium-guards.yaml`: {count} patients of the sample head, in each of whom something goes wrong. Every patient in whom a guard
spoke was treated again without it, all else the same ([decision 64](decisions/0064-guards-left-out.md)). Pairs of numbers are patients with the guard and
without it. A guard whose absence changes nothing was backed by another one, or by the simulated operator, who waits where a hasty one
would not: that is no proof that it could go.

| guard left out | spoke in | bled | broke a limit | reached 54 °C | limits broken only without it | largest rise of the true peak, K | of the skull, K |
|---|---|---|---|---|---|---|---|
"""

MAPPED = """
## How the answers hang on the mapping of the CT

`samples/cohorts/cranium-mappings.yaml`: the same head and target, nothing drawn; plan and truth share the mapping. Medians.

| mapping | patients | reach 54 °C within every limit | predicted K/kJ | largest energy, kJ | true peak, °C | true skull maximum, °C |
|---|---|---|---|---|---|---|
"""


def guarded(rows: list[Row], left_out: list[Row]) -> str:
    """Return the table of guards as Markdown."""
    lines = [
        f"| {g.guard} | {g.spoke} | {_pair(g.bled)} | {_pair(g.broke)} | {_pair(g.reached)} | "
        f"{', '.join(f'{name} ({n})' for name, n in g.limits) or '-'} | {_kelvin(g.hotter_k)} | {_kelvin(g.skull_k)} |\n"
        for g in without_guards(rows, left_out)
    ]
    silent = ", ".join(silent_guards(rows)) or "none"
    told = f"\nNever spoke, so that this cohort says nothing of them: {silent}.\n"
    return GUARDED.format(count=len(rows)) + "".join(lines) + told


def _pair(counts: tuple[int, int]) -> str:
    return f"{counts[0]}, {counts[1]}"


def _kelvin(rise: float | None) -> str:
    return "-" if rise is None else f"{rise:.1f}"


def mapped(rows: list[Row]) -> str:
    """Return the table of mappings as Markdown."""
    columns = ("predicted_k_per_kj", "largest_energy_kj", "true_peak_degc", "true_skull_degc")
    lines = []
    for name in sorted({str(row["mapping"]) for row in rows}):
        some = [row for row in rows if row["mapping"] == name]
        numbers = " | ".join(f"{spread(some, column)[1]:.3g}" for column in columns)
        lines.append(f"| {name} | {len(some)} | {share_words(share_of(some))} | {numbers} |\n")
    return MAPPED + "".join(lines)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("cohort")
    parser.add_argument("--guards", type=Path)
    parser.add_argument("--mappings", type=Path)
    given = parser.parse_args()
    text = page(read_results(given.results / RESULTS), given.cohort)
    if given.guards:
        rows, again = (read_results(given.guards / name) for name in (RESULTS, LEFT_OUT))
        text += guarded(rows, again)
    if given.mappings:
        text += mapped(read_results(given.mappings / RESULTS))
    OUT.write_text(text, "utf-8")
    print(OUT)


if __name__ == "__main__":
    main()
