"""What head, plan and software were: the tables at the end of the report."""

import hashlib
import json

from insonate.report import words
from insonate.report.story import Story
from insonate.report.tables import Table, pairs_table

Pairs = list[tuple[str, str]]


def head_table(story: Story) -> Table | None:
    """Return the description of the head; None where the record has none."""
    head = story.head
    if head is None:
        return None
    spacing = " × ".join(words.plain(s * 1e3, 2) for s in head.spacing_m)
    pairs: Pairs = [
        ("Name", head.name),
        ("Bone properties from CT by", head.mapping),
        ("Grid", f"{' × '.join(map(str, head.shape))} voxels of {spacing} mm"),
        ("Skull", f"{words.plain(head.skull_volume_ml, 1)} mL"),
        ("Brain", f"{words.plain(head.brain_volume_ml, 1)} mL"),
        ("Anterior commissure (R, A, S)", words.point(head.ac_m)),
        ("Posterior commissure (R, A, S)", words.point(head.pc_m)),
        ("Landmarks from", head.landmark_source),
        ("Landmark error (1 standard deviation)", words.quantity(head.landmark_error_m, "m")),
        *((words.name(key), text) for key, text in sorted(head.provenance.items())),
    ]
    return pairs_table("head", "The head model.", pairs, ("Head", "Value"))


def plan_table(story: Story) -> Table | None:
    """Return the description of the plan; None where the record has none."""
    plan = story.plan
    if plan is None:
        return None
    pressure = words.plain(plan.focal_pressure_pa_per_sqrt_w * 1e-6, 3)
    duration = words.quantity(plan.predicted_duration_s, "s")
    pairs: Pairs = [
        ("Target", f"{plan.target_name} at {words.point(plan.target_m)} (R, A, S)"),
        ("Target from", plan.target_source),
        ("Target error (1 standard deviation)", words.quantity(plan.target_error_m, "m")),
        ("Frequency", f"{words.plain(plan.frequency_hz * 1e-3, 1)} kHz"),
        ("Acoustic engine", plan.engine),
        ("Array", plan.array_name),
        ("Radius of curvature", f"{words.plain(plan.radius_of_curvature_m * 1e3, 1)} mm"),
        *[
            (f"Elements: {name}", str(count))
            for name, count in zip(plan.state_names, plan.state_counts, strict=False)
        ],
        ("Mean incidence angle", f"{words.angle(plan.mean_angle_rad)}°"),
        ("Mean skull thickness", words.quantity(plan.mean_thickness_m, "m")),
        ("Helmet to scalp", words.quantity(plan.clearance_m, "m")),
        ("Tilt of the array", f"{words.angle(plan.tilt_rad)}°"),
        ("Pressure at the focus", f"{pressure} MPa per √W"),
        ("Transmission", words.number(plan.transmission)),
        ("Planned focus minus target", f"{words.offset(plan.focus_offset_m)} mm"),
        (f"Predicted heating in {duration}", words.quantity(plan.predicted_k_per_kj, "K/kJ")),
    ]
    return pairs_table("plan", "The plan.", pairs, ("Plan", "Value"))


def metric_table(story: Story) -> Table | None:
    """Return each named skull density ratio with its definition."""
    metrics = story.plan.skull_metrics if story.plan else ()
    rows = tuple((words.name(m.name), words.number(m.value), m.definition) for m in metrics)
    caption = "Skull density ratio: definitions disagree, so each is named."
    columns = ("Name", "Mean over driven elements (1)", "Definition")
    return Table("metrics", caption, columns, rows, frozenset({1})) if rows else None


def correction_table(story: Story) -> Table | None:
    """Return the focus with each way of setting the phases."""
    rows = tuple(
        (
            row.correction,
            row.judged_by,
            words.plain(row.target_pa * 1e-3, 1),
            words.plain(row.peak_pa * 1e-3, 1),
            words.offset(row.offset_m),
            words.number(row.side_lobe),
            "–" if row.skull_share is None else words.plain(100 * row.skull_share, 0),
        )
        for row in (story.plan.corrections if story.plan else ())
    )
    caption = (
        "The focus at 1 W with each way of setting the phases; all judged in the same head, with "
        "the amplitudes and phases of the plan's engine."
    )
    columns = (
        "Phases by", "Judged by", "At the target (kPa)", "Peak (kPa)",
        "Peak minus target (R, A, S; mm)", "Side lobe (of the peak)", "Heat in the skull (%)",
    )  # fmt: skip
    return (
        Table("corrections", caption, columns, rows, frozenset({2, 3, 5, 6})) if rows else None
    )


def software_table(story: Story) -> Table:
    """Return scenario, settings, versions and digests."""
    opened = story.opened
    pairs: Pairs = []
    if opened is not None:
        pairs += [("Scenario", opened.scenario), ("Random seed", str(opened.seed))]
        pairs += [
            (f"Setting: {words.name(key)}", text)
            for key, text in sorted(opened.settings.items())
        ]
        pairs += _controller(opened.control)
        pairs += [(f"Version: {key}", text) for key, text in sorted(opened.versions.items())]
    if story.events:
        pairs += [
            ("Begun (computer's clock)", story.events[0].wall.isoformat(timespec="seconds")),
            ("Schema of the record", str(story.events[-1].version)),
            ("Events", str(len(story.events))),
        ]
    pairs.append(("SHA-256 of the events as read", events_digest(story)))
    return pairs_table("software", "Settings, versions, digest.", pairs, ("Item", "Value"))


def _controller(settings: str) -> Pairs:
    """Return the controller's settings, but for the limits, which have a table of their own."""
    values = json.loads(settings) if settings else {}
    return [
        (f"Controller: {words.name(key)}", _short(value))
        for key, value in sorted(values.items())
        if key != "limits"
    ]


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "–".join(_short(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def events_digest(story: Story) -> str:
    """Return the SHA-256 of all events as canonical JSON lines, 64 hex digits."""
    chain = hashlib.sha256()
    for event in story.events:
        chain.update(event.model_dump_json().encode() + b"\n")
    return chain.hexdigest()
