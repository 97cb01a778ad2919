"""A virtual cohort as a file: heads, targets, draws, faults; every patient follows from it and a seed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from insonate.control import GUARDS
from insonate.core import DataError, SettingsError
from insonate.core.provenance import versions
from insonate.head.mappings import DEFAULT_MAPPING, MAPPINGS
from insonate.plan.targets import TARGET_NAMES
from insonate.plant import SCENARIOS

SCHEMA = 3
"""Of tasks and rows; a new one makes every task anew."""

_T = TypeVar("_T")

Row = dict[str, Any]
"""One patient's result: names to numbers, texts and flags."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
Factor = Annotated[float, Field(ge=0.5, le=2.0)]

GUARD_NAMES = tuple(guard.name for guard in GUARDS)

DRAWN = (
    "brain_absorption", "bone_share", "transmission", "signal_to_noise", "breathing_ppm",
    "head_wander_m", "frames_lost", "registration_m",
)  # fmt: skip
"""What may differ between patients: numbers of a scenario, and the error of registration (each axis, m)."""


class Part(BaseModel):
    """Base of all parts of a cohort: frozen, refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Draw(Part):
    """How one quantity differs between patients, and where that is known from.

    ``normal``: a mean and a standard deviation; ``lognormal``: a median and the standard deviation of the
    logarithm; ``uniform``: two ends. ``low`` and ``high`` cut a draw off: it is drawn again.
    """

    kind: Literal["normal", "lognormal", "uniform"]
    centre: float = 1.0
    spread: Annotated[float, Field(ge=0.0)] = 0.0
    low: float | None = None
    high: float | None = None
    source: Text

    @model_validator(mode="after")
    def _ends_fit(self) -> Self:
        low, high = self.low, self.high
        if self.kind == "uniform" and (low is None or high is None):
            raise ValueError("a uniform draw needs low and high")
        if low is not None and high is not None and low > high:
            raise ValueError(f"low {low:g} lies above high {high:g}")
        return self

    def draw(self, rng: np.random.Generator) -> float:
        """Return one value.

        Raises
        ------
        SettingsError
            When a thousand draws all fall outside the ends.
        """
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        for _ in range(1000):
            value = self._once(rng)
            if low <= value <= high:
                return value
        raise SettingsError(
            f"A thousand draws of {self.kind} round {self.centre:g} all fell outside {low:g} to {high:g}; "
            "widen the ends."
        )

    def _once(self, rng: np.random.Generator) -> float:
        if self.kind == "uniform" and self.low is not None and self.high is not None:
            return float(rng.uniform(self.low, self.high))
        z = float(rng.standard_normal())
        if self.kind == "normal":
            return self.centre + self.spread * z
        return self.centre * float(np.exp(self.spread * z))


class Head(Part):
    """A head, and the ways it is varied; each patient gets one of each list.

    Parameters
    ----------
    name
        A pseudonym.
    case
        A case folder with a CT; None is the analytic phantom.
    spacing_mm
        Voxels of the phantom.
    share
        How often this head comes, relative to the others.
    thickness
        Factors on the skull's three layers (phantom) along their normals.
    marrow
        Factors on how far bone lies below its densest: HU' = HU - (f - 1) (T - HU) above 300 HU, T the 99th percentile.
        More than 1 lowers the skull density ratio. CTs only.
    size
        Factors on the whole head.
    mapping
        Mappings of HU to the acoustics of bone (``head.mappings``): of what is planned and of what is true alike. How the
        answers hang on the mapping, not what a wrong one does.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    case: Path | None = None
    spacing_mm: Annotated[float, Field(ge=0.5, le=2.5)] = 1.0
    share: Annotated[float, Field(gt=0.0)] = 1.0
    thickness: tuple[Factor, ...] = (1.0,)
    marrow: tuple[Factor, ...] = (1.0,)
    size: tuple[Annotated[float, Field(ge=0.85, le=1.15)], ...] = (1.0,)
    mapping: Annotated[tuple[str, ...], Field(min_length=1)] = (DEFAULT_MAPPING,)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.case is None and set(self.marrow) != {1.0}:
            raise ValueError("marrow is varied in CTs; the phantom's is set by its layers")
        if self.case is not None and set(self.thickness) != {1.0}:
            raise ValueError("thickness is varied in the phantom; a CT's follows its size")
        unknown = [name for name in self.mapping if name not in MAPPINGS]
        if unknown:
            raise ValueError(
                f"there is no CT mapping '{unknown[0]}'; choose among {', '.join(MAPPINGS)}"
            )
        return self


class Plan(Part):
    """How every head is planned."""

    element_count: Annotated[int, Field(ge=64, le=4096)] = 1024
    engine: Literal["ray", "has", "none"] = "ray"
    absorbed_share: Annotated[float, Field(ge=0.15, le=1.0)] | None = None
    fine_half_width_mm: Annotated[float, Field(ge=8.0, le=30.0)] = 10.0
    """Half the edge of the cube of 0.5 mm cells round the focus. 10 give the sample the same treatment as 20, to every
    digit that is told (decision 63)."""
    coarse_spacing_mm: Annotated[float, Field(ge=1.0, le=4.0)] = 3.0
    """Cells of the rest of the head. With 3 the skull's maximum reads up to 0.5 °C less than with 2, the focus the same, in
    three quarters of the time (decision 63)."""
    coarse: bool = False
    """Thermal cells of 0.5 and 4 mm and steps of 1 s: to try a cohort out, not to believe it."""


class Cohort(Part):
    """A virtual cohort.

    Parameters
    ----------
    name, seed, patients
        What it is called, what it follows from, and how many there are. More patients leave the
        first ones as they were.
    heads, targets
        Of which each patient gets one.
    scenario
        What happens to a patient whom nothing befalls.
    faults
        How often another shipped scenario happens instead: name to probability.
    practice
        "designed", or "2012": without the cavitation guard and with hotter goals.
    guards_off
        Guards that are not asked, by their names in the record (``control.GUARDS``).
    draws
        What differs between patients, by ``DRAWN``.
    plan
        How every head is planned.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    seed: Annotated[int, Field(ge=0)]
    patients: Annotated[int, Field(ge=1, le=1_000_000)]
    heads: Annotated[tuple[Head, ...], Field(min_length=1)]
    targets: Annotated[tuple[str, ...], Field(min_length=1)] = ("cl-left",)
    scenario: str = "cooperative"
    faults: dict[str, Annotated[float, Field(ge=0.0, le=1.0)]] = {}
    practice: Literal["designed", "2012"] = "designed"
    guards_off: tuple[str, ...] = ()
    draws: dict[str, Draw] = {}
    plan: Plan = Plan()

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        unknown = [f"target '{t}'" for t in self.targets if t not in TARGET_NAMES]
        unknown += [
            f"scenario '{s}'" for s in (self.scenario, *self.faults) if s not in SCENARIOS
        ]
        unknown += [f"guard '{g}'" for g in self.guards_off if g not in GUARD_NAMES]
        unknown += [f"draw '{d}'" for d in self.draws if d not in DRAWN]
        if unknown:
            raise ValueError(f"there is no {', no '.join(unknown)}")
        if sum(self.faults.values()) > 1.0:
            raise ValueError(
                f"the faults come to {sum(self.faults.values()):g}, more than always"
            )
        return self


class Variant(Part):
    """One head as it is planned: which, and how it was varied."""

    name: str
    case: str | None
    ct_sha256: str
    spacing_mm: float
    thickness: float
    marrow: float
    size: float
    mapping: str = DEFAULT_MAPPING


class Task(Part):
    """One virtual patient: everything that the result follows from.

    Two tasks with one ``digest`` are the same work, whatever cohort asks for it.
    """

    patient: int
    variant: Variant
    target: str
    scenario: str
    practice: str
    guards_off: tuple[str, ...] = ()
    drawn: dict[str, float]
    registration_m: tuple[float, float, float]
    seed: int
    plan: Plan

    @property
    def digest(self) -> str:
        """SHA-256 over all but the number and where the CT lies, with schema and version of insonate."""
        told = self.model_dump(mode="json", exclude={"patient": True, "variant": {"case"}})
        # the default is left out: results from before there was a choice stay valid
        if self.variant.mapping == DEFAULT_MAPPING:
            del told["variant"]["mapping"]
        told |= {"schema": SCHEMA, "insonate": versions()["insonate"]}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def told(task: Task) -> Row:
    """Return what was drawn, as columns."""
    x, y, z = task.registration_m
    variant = task.variant
    return {
        "patient": task.patient, "digest": task.digest, "head": variant.name,
        "thickness": variant.thickness, "marrow": variant.marrow, "size": variant.size,
        "mapping": variant.mapping,
        "target": task.target, "scenario": task.scenario, "practice": task.practice, "seed": task.seed,
        "guards_off": ", ".join(task.guards_off),
        "registration_mm": 1e3 * float(np.linalg.norm((x, y, z))),
        **{f"drawn_{name}": value for name, value in task.drawn.items()},
    }  # fmt: skip


def load_cohort(path: Path) -> Cohort:
    """Return the cohort of a YAML file; a case folder in it is relative to the file.

    Raises
    ------
    SettingsError
        When the file cannot be read.
    DataError
        With one sentence for each field that is wrong.
    """
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(
            "Cohort files need the package PyYAML; install insonate[cohort]."
        ) from error
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(
            f"The cohort {path} cannot be read; give a YAML file in UTF-8."
        ) from error
    try:
        cohort = Cohort.model_validate(raw)
    except ValidationError as error:
        raise DataError(
            [
                f"The cohort {path.name} has a wrong '{'.'.join(map(str, e['loc'])) or 'whole'}': "
                f"{e['msg'].removeprefix('Value error, ')}."
                for e in error.errors()
            ]
        ) from error
    heads = tuple(
        head
        if head.case is None
        else head.model_copy(update={"case": (path.parent / head.case).resolve()})
        for head in cohort.heads
    )
    return cohort.model_copy(update={"heads": heads})


def tasks(cohort: Cohort) -> tuple[Task, ...]:
    """Return every virtual patient of a cohort.

    Patient i follows from (seed, i) alone.

    Raises
    ------
    SettingsError
        When the CT of a head is not there.
    """
    digests = {head.name: _ct_digest(head) for head in cohort.heads}
    return tuple(_task(cohort, digests, number) for number in range(1, cohort.patients + 1))


def _task(cohort: Cohort, digests: Mapping[str, str], number: int) -> Task:
    rng = np.random.default_rng([cohort.seed, number])
    shares = np.array([head.share for head in cohort.heads])
    head = cohort.heads[int(rng.choice(len(shares), p=shares / shares.sum()))]
    variant = Variant(
        name=head.name,
        case=None if head.case is None else str(head.case),
        ct_sha256=digests[head.name],
        spacing_mm=head.spacing_mm,
        thickness=_one(head.thickness, rng),
        marrow=_one(head.marrow, rng),
        size=_one(head.size, rng),
        mapping=_one(head.mapping, rng),  # draws nothing where there is one
    )
    target = cohort.targets[int(rng.integers(len(cohort.targets)))]
    scenario = _scenario(cohort, float(rng.random()))
    seed = int(rng.integers(2**31))
    drawn = {
        name: draw.draw(rng)
        for name, draw in sorted(cohort.draws.items())
        if name != "registration_m"
    }
    error = cohort.draws.get("registration_m")
    x, y, z = (0.0 if error is None else error.draw(rng) for _ in range(3))
    return Task(
        patient=number, variant=variant, target=target, scenario=scenario, practice=cohort.practice,
        guards_off=cohort.guards_off, drawn=drawn, registration_m=(x, y, z), seed=seed, plan=cohort.plan,
    )  # fmt: skip


def _one(values: tuple[_T, ...], rng: np.random.Generator) -> _T:
    return values[int(rng.integers(len(values)))]


def _scenario(cohort: Cohort, at: float) -> str:
    """Return the scenario at a place of 0 to 1: the faults lie one behind the other from 0."""
    edge = 0.0
    for name, chance in cohort.faults.items():
        edge += chance
        if at < edge:
            return name
    return cohort.scenario


def _ct_digest(head: Head) -> str:
    if head.case is None:
        return ""
    from insonate.images import load_case  # noqa: PLC0415 - SimpleITK is slow to import

    path = load_case(head.case).ct_path
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def schema() -> dict[str, Any]:
    """Return the JSON schema of a cohort file."""
    return Cohort.model_json_schema()
