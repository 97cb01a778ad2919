"""The treatment in a dozen numbers, for the head of the report and for programs."""

from dataclasses import dataclass

from insonate.core.provenance import DISCLAIMER
from insonate.events import documents as doc
from insonate.report.story import Exposure, RecordLike, Story


@dataclass(frozen=True)
class SonicationSummary:
    """One sonication in numbers; None where it was not recorded."""

    sonication: int
    stage: str
    power_w: float | None
    duration_s: float | None
    energy_j: float | None
    predicted_peak_degc: float | None
    peak_degc: float | None
    true_peak_degc: float | None
    end_reason: str | None


@dataclass(frozen=True)
class LimitSummary:
    """One limit: its value, the worst that was met, and whether it was kept (None: not said)."""

    name: str
    value: float
    unit: str
    worst: float | None
    kept: bool | None


@dataclass(frozen=True)
class Summary:
    """The treatment in numbers, SI and °C; None where the record does not say.

    ``lesion_volume_mm3`` is the volume above 240 CEM43 as thermometry measured it,
    ``true_lesion_volume_mm3`` the simulated truth; ``limits`` are judged by what was seen,
    ``truth`` holds those that the simulated truth can be compared with.
    """

    case: str
    simulated: bool
    complete: bool
    outcome: str
    sentence: str
    target: str
    peak_degc: float | None
    peak_dose_cem43: float | None
    lesion_volume_mm3: float | None
    true_lesion_volume_mm3: float | None
    target_inside: bool | None
    skull_max_degc: float | None
    scalp_max_degc: float | None
    duration_s: float
    energy_j: float
    sonications: tuple[SonicationSummary, ...]
    limits: tuple[LimitSummary, ...]
    truth: tuple[LimitSummary, ...]
    missing_arrays: int
    disclaimer: str = DISCLAIMER

    @property
    def limits_broken(self) -> tuple[str, ...]:
        """Names of the limits that were not kept."""
        return tuple(limit.name for limit in self.limits if limit.kept is False)

    @property
    def limits_judged(self) -> int:
        """How many limits the record gives a verdict on."""
        return sum(limit.kept is not None for limit in self.limits)


def summarise(record: RecordLike) -> Summary:
    """Return the treatment in numbers, from the record alone."""
    return summary_of(Story(record))


def summary_of(story: Story) -> Summary:
    """Return the treatment in numbers, from a record that was read already."""
    measured, truth = story.lesion("measured"), story.lesion("truth")
    estimates = [p for _, p in story.having(doc.ModelEstimate)]
    peaks = [e.peak_degc for e in story.exposures if e.peak_degc is not None]
    return Summary(
        case=story.opened.case if story.opened else "unnamed",
        simulated=story.opened.simulated if story.opened else True,
        complete=story.complete and story.closed is not None,
        outcome=story.closed.outcome if story.closed else "not finished",
        sentence=_sentence(story),
        target=story.plan.target_name if story.plan else "",
        peak_degc=max(peaks, default=None),
        peak_dose_cem43=measured[1].peak_dose_cem43 if measured else None,
        lesion_volume_mm3=measured[1].volume_240_mm3 if measured else None,
        true_lesion_volume_mm3=truth[1].volume_240_mm3 if truth else None,
        target_inside=measured[1].target_inside if measured else None,
        skull_max_degc=max((p.skull_max_degc for p in estimates), default=None),
        scalp_max_degc=max((p.scalp_max_degc for p in estimates), default=None),
        duration_s=story.end_s,
        energy_j=sum(e.ended.energy_j for e in story.exposures if e.ended),
        sonications=tuple(_sonication(e) for e in story.exposures),
        limits=_limits(story),
        truth=_limits_in_truth(story),
        missing_arrays=story.lost_arrays,
    )


def _sentence(story: Story) -> str:
    if story.closed is not None:
        return story.closed.sentence
    return "The record has no closing event: the treatment was interrupted, or it is still running."


def _sonication(exposure: Exposure) -> SonicationSummary:
    ended, proposed = exposure.ended, exposure.proposed
    return SonicationSummary(
        exposure.number,
        exposure.stage,
        exposure.power_w,
        ended.duration_s if ended else None,
        ended.energy_j if ended else None,
        proposed.predicted_peak_degc if proposed else None,
        exposure.peak_degc,
        exposure.truth.peak_degc if exposure.truth else None,
        ended.end_reason.value if ended else None,
    )


def _limits(story: Story) -> tuple[LimitSummary, ...]:
    worst = story.closed.limits_worst if story.closed else {}
    kept = story.closed.limits_kept if story.closed else {}
    rows = story.plan.limits if story.plan else ()
    return tuple(
        LimitSummary(r.name, r.value, r.unit, worst.get(r.name), kept.get(r.name)) for r in rows
    )


def _limits_in_truth(story: Story) -> tuple[LimitSummary, ...]:
    """Compare the true temperatures of all sonications with their limits."""
    truths = [e.truth for e in story.exposures if e.truth]
    worst = {
        "focal_temperature": max((t.peak_degc for t in truths), default=None),
        "skull_temperature": max((t.skull_max_degc for t in truths), default=None),
        "scalp_temperature": max((t.scalp_max_degc for t in truths), default=None),
    }
    rows = story.plan.limits if story.plan and truths else ()
    return tuple(
        LimitSummary(r.name, r.value, r.unit, found, found <= r.value)
        for r in rows
        if (found := worst.get(r.name)) is not None
    )
