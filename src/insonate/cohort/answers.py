"""What a cohort answers: shares with exact intervals, by what differs, and what the answers hang on."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from insonate.cohort.design import GUARD_NAMES, Row
from insonate.outcomes.follow_up import Share

GROUPS = 3
"""So many groups of one size a quantity is cut into."""

SPLIT_BY = ("sdr", "thickness_mm", "largest_energy_kj")
MAXIMA = (
    "largest_energy_kj", "energy_kj", "true_peak_degc", "true_skull_degc", "true_scalp_degc",
    "true_off_target_degc", "targeting_error_mm", "true_lesion_mm3", "energy_per_k_growth", "minutes",
    "capsule_genu_degc", "capsule_genu_cem43", "capsule_posterior_degc", "capsule_posterior_cem43",
    "sensory_hand_degc", "sensory_hand_cem43", "sensory_foot_degc", "sensory_foot_cem43",
)  # fmt: skip
WORDS = {
    "sdr": "skull density ratio", "thickness_mm": "skull thickness, mm",
    "largest_energy_kj": "largest energy of a sonication, kJ", "energy_kj": "energy of the treatment, kJ",
    "true_peak_degc": "true peak, °C", "true_skull_degc": "true skull maximum, °C",
    "true_scalp_degc": "true scalp maximum, °C", "true_off_target_degc": "true off-target maximum, °C",
    "targeting_error_mm": "hottest place to target, mm", "true_lesion_mm3": "true volume above 240 CEM43, mm³",
    "energy_per_k_growth": "energy per degree, over that of the treat sonication before",
    "capsule_genu_degc": "internal capsule, genu: true peak, °C",
    "capsule_genu_cem43": "internal capsule, genu: true dose, CEM43",
    "capsule_posterior_degc": "internal capsule, posterior limb: true peak, °C",
    "capsule_posterior_cem43": "internal capsule, posterior limb: true dose, CEM43",
    "sensory_hand_degc": "sensory relay, hand: true peak at most, °C",
    "sensory_hand_cem43": "sensory relay, hand: true dose at most, CEM43",
    "sensory_foot_degc": "sensory relay, foot: true peak at most, °C",
    "sensory_foot_cem43": "sensory relay, foot: true dose at most, CEM43",
    "predicted_k_per_kj": "predicted rise per energy, K/kJ",
    "minutes": "length of the session, min", "registration_mm": "error of registration, mm",
}  # fmt: skip

Good = Callable[[Row], bool]


@dataclass(frozen=True)
class Group:
    """Some patients and how many of them reached what was asked."""

    words: str
    share: Share


def succeeded(row: Row) -> bool:
    """Return whether the true peak reached 54 °C and every limit was kept, in truth and as seen."""
    return bool(row["reached"]) and bool(row["within_limits"])


def treated(rows: Iterable[Row]) -> list[Row]:
    """Return the patients who could be planned."""
    return [row for row in rows if row.get("refused") is None]


def share_of(rows: Iterable[Row], good: Good = succeeded) -> Share:
    """Return how many of all patients; one who could not be planned did not reach it."""
    every = list(rows)
    return Share(sum(row.get("refused") is None and good(row) for row in every), len(every))


def groups(rows: list[Row], name: str, good: Good = succeeded) -> tuple[Group, ...]:
    """Return the share in groups of one size, cut by a quantity; nothing where all are alike."""
    known = [row for row in rows if row.get(name) is not None]
    values = np.array([float(row[name]) for row in known])
    if len(known) < 2 * GROUPS or np.ptp(values) == 0.0:
        return ()
    order = np.array_split(np.argsort(values, kind="stable"), GROUPS)
    return tuple(
        Group(
            f"{values[part].min():.3g} to {values[part].max():.3g}",
            share_of([known[i] for i in part], good),
        )
        for part in order
    )


def spread(rows: list[Row], name: str) -> NDArray[np.float64]:
    """Return the 5th, 50th and 95th percentile and the largest of a quantity, shape (4,); NaN if none."""
    values = [float(row[name]) for row in rows if row.get(name) is not None]
    if not values:
        return np.full(4, np.nan)
    return np.array([*np.percentile(values, (5, 50, 95)), max(values)])


def influences(rows: list[Row], outcome: str) -> dict[str, float]:
    """Return Spearman's rank correlation of everything that was drawn with an outcome, strongest first.

    Parameters
    ----------
    rows
        Patients who were treated.
    outcome
        A column.
    """
    names = sorted({n for row in rows for n in row if n.startswith("drawn_")})
    names += ["thickness", "marrow", "size", "registration_mm"]
    known = [row for row in rows if row.get(outcome) is not None]
    y = np.array([float(row[outcome]) for row in known])
    found: dict[str, float] = {}
    for name in names:
        x = np.array([float(row[name]) for row in known if row.get(name) is not None])
        if len(x) == len(y) >= 3 and np.ptp(x) > 0.0 and np.ptp(y) > 0.0:
            found[name] = float(stats.spearmanr(x, y).statistic)
    return dict(sorted(found.items(), key=lambda item: -abs(item[1])))


@dataclass(frozen=True)
class WithoutGuard:
    """Patients in whom a guard spoke, treated again without it.

    Parameters
    ----------
    guard
        Its name in the record.
    spoke
        In so many patients.
    bled, broke, reached
        So many bled, broke a limit or reached 54 °C: (with it, without it).
    limits
        The limits that only those without it broke, each with how often.
    hotter_k
        The largest that a patient's true peak rose without it, K; None where none has one.
    skull_k
        The same of the skull, K.
    """

    guard: str
    spoke: int
    bled: tuple[int, int]
    broke: tuple[int, int]
    reached: tuple[int, int]
    limits: tuple[tuple[str, int], ...]
    hotter_k: float | None
    skull_k: float | None


def without_guards(rows: list[Row], left_out: list[Row]) -> tuple[WithoutGuard, ...]:
    """Return what changes in each patient when a guard that spoke is left out, guard by guard.

    Parameters
    ----------
    rows
        The cohort.
    left_out
        Its patients again, each without one more guard (``running.run_without_guards``); those of another cohort, with
        another seed, are left out.
    """
    plain = {(row["patient"], row["seed"]): row for row in treated(rows)}
    names = dict.fromkeys(str(row["guards_off"]) for row in left_out)
    return tuple(
        _without(
            name,
            [
                (plain[at], row)
                for row in treated(left_out)
                if row["guards_off"] == name and (at := (row["patient"], row["seed"])) in plain
            ],
        )
        for name in names
    )


def silent_guards(rows: list[Row]) -> tuple[str, ...]:
    """Return the guards that spoke in nobody: of them a cohort says nothing."""
    spoke = {name for row in rows for name in str(row.get("guards_spoke") or "").split(", ")}
    return tuple(name for name in GUARD_NAMES if name not in spoke)


def _without(name: str, pairs: list[tuple[Row, Row]]) -> WithoutGuard:
    def counts(good: Good) -> tuple[int, int]:
        return sum(good(a) for a, _ in pairs), sum(good(b) for _, b in pairs)

    new = Counter(limit for a, b in pairs for limit in _broken(b) - _broken(a))
    return WithoutGuard(
        guard=name,
        spoke=len(pairs),
        bled=counts(lambda row: bool(row["bled"])),
        broke=counts(lambda row: not row["within_limits"]),
        reached=counts(lambda row: bool(row["reached"])),
        limits=tuple(new.most_common()),
        hotter_k=_largest_rise(pairs, "true_peak_degc"),
        skull_k=_largest_rise(pairs, "true_skull_degc"),
    )


def _broken(row: Row) -> set[str]:
    return {name for name in (row["limits_broken"] or "").split(", ") if name}


def _largest_rise(pairs: list[tuple[Row, Row]], name: str) -> float | None:
    rises = [
        float(b[name]) - float(a[name])
        for a, b in pairs
        if a.get(name) is not None and b.get(name) is not None
    ]
    return max(rises, default=None)


@dataclass(frozen=True)
class Prevented:
    """The same patients under two practices: counts of a harm, and in whom only one had it."""

    words: str
    count: int
    first: int
    second: int
    only_first: int
    only_second: int


def compare(first: list[Row], second: list[Row]) -> tuple[Prevented, ...]:
    """Return what differs between two runs of the same patients, pair by pair.

    Patients are the same when everything but the practice is.
    """
    key = ("patient", "head", "target", "scenario", "seed")
    others = {tuple(row[k] for k in key): row for row in treated(second)}
    pairs = [
        (row, others[at])
        for row in treated(first)
        if (at := tuple(row[k] for k in key)) in others
    ]
    harms: dict[str, Good] = {
        "bled": lambda row: bool(row["bled"]),
        "a limit was broken, in truth or as seen": lambda row: not row["within_limits"],
        "54 °C was not reached": lambda row: not row["reached"],
    }
    return tuple(_prevented(words, pairs, harm) for words, harm in harms.items())


def _prevented(words: str, pairs: list[tuple[Row, Row]], harm: Good) -> Prevented:
    seen = [(harm(a), harm(b)) for a, b in pairs]
    return Prevented(
        words=words,
        count=len(seen),
        first=sum(a for a, _ in seen),
        second=sum(b for _, b in seen),
        only_first=sum(a and not b for a, b in seen),
        only_second=sum(b and not a for a, b in seen),
    )
