"""What a user gives: which head, and what is wanted of it."""

from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from insonate.core import SettingsError
from insonate.head import HeadOptions, PhantomOptions
from insonate.heat.options import ThermalOptions
from insonate.images import load_case
from insonate.plan.targets import TARGET_NAMES
from insonate.planner.wave import require_engine
from insonate.record import pseudonym
from insonate.record.deidentify import require_pseudonym


@dataclass(frozen=True)
class CaseSource:
    """A head to plan on.

    Parameters
    ----------
    name
        A pseudonym, never a name.
    ct_path
        NIfTI file or DICOM folder; None for the analytic phantom.
    mr_path
        T1 of the same person, or None: then the atlas stands in for it.
    notes
        Whole sentences that the user should read in the report.
    phantom
        The synthetic head that is built where there is no CT.
    """

    name: str
    ct_path: Path | None
    mr_path: Path | None = None
    notes: tuple[str, ...] = ()
    phantom: PhantomOptions = field(default_factory=PhantomOptions)


@dataclass(frozen=True)
class PlanSettings:
    """What is wanted: target, frequency, mapping, array.

    Parameters
    ----------
    target
        A named target; ignored where ``target_ras_mm`` is given.
    target_ras_mm
        A point in the CT's RAS millimetres, or None.
    frequency_hz
        200e3 to 1000e3.
    mapping
        Name of the CT mapping.
    absorbed_share
        Share of the bone's attenuation that becomes heat; None takes the tissue table's.
    element_count
        Elements of the hemispherical array.
    engine
        What sets the phases: "ray", "has", "born" or "none".
    heat
        Grids and surroundings of the thermal model.

    Raises
    ------
    SettingsError
        When a setting is unknown or outside its range.
    """

    target: str = "cl-left"
    target_ras_mm: tuple[float, float, float] | None = None
    frequency_hz: float = 650e3
    mapping: str = "mcdannold2019"
    absorbed_share: float | None = None
    element_count: int = 1024
    engine: str = "ray"
    heat: ThermalOptions = field(default_factory=ThermalOptions)

    def __post_init__(self) -> None:
        self.head_options()
        require_engine(self.engine)
        point = self.target_ras_mm
        if point is not None and not all(isfinite(v) for v in point):
            raise SettingsError(
                f"The target is given as {point}; give three finite numbers, RAS millimetres of "
                "the CT."
            )
        if point is None and self.target not in TARGET_NAMES:
            raise SettingsError(
                f"There is no target '{self.target}'; there are {', '.join(TARGET_NAMES)}. Choose "
                "one, or give a point by hand."
            )

    def head_options(self) -> HeadOptions:
        """Return how the CT becomes a head model."""
        if self.absorbed_share is None:
            return HeadOptions(self.mapping, self.frequency_hz)
        return HeadOptions(self.mapping, self.frequency_hz, self.absorbed_share)


def case_source(
    case: Path | None, ct: Path | None, mr: Path | None, *, phantom: bool
) -> CaseSource:
    """Turn the ways of naming a head into one source.

    Raises
    ------
    SettingsError
        When not exactly one of case folder, CT and phantom is given, or an MR without a CT.
    RecordError
        When the case is called by a name instead of a pseudonym.
    """
    if sum((case is not None, ct is not None, phantom)) != 1:
        raise SettingsError(
            "Give exactly one head: a case folder (such as samples/cranium), --ct FILE_OR_FOLDER, "
            "or --phantom."
        )
    if mr is not None and ct is None:
        raise SettingsError("--mr goes with --ct: it must be of the same person as the CT.")
    if ct is not None:
        return CaseSource(pseudonym(ct.name), ct, mr)
    if case is not None:
        loaded = load_case(case)
        name = loaded.name if (case / "case.json").is_file() else pseudonym(loaded.name)
        require_pseudonym(name)
        return CaseSource(name, loaded.ct_path, loaded.mr_path, loaded.notes)
    return CaseSource(
        "phantom", None, notes=("The head is an analytic phantom, not a person.",)
    )
