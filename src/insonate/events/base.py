"""The envelope of every document, and how a number says its unit."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

StageName = Literal["align", "verify", "treat"]
Point = tuple[float, float, float]


class Source(StrEnum):
    """Who or what an event comes from."""

    SESSION = "session"
    CONTROLLER = "controller"
    SCANNER = "scanner"
    COOLING = "cooling"
    ARRAY = "array"
    MODEL = "model"
    """The controller's own thermal model of skull and scalp, never the truth."""
    PATIENT = "patient"
    OPERATOR = "operator"
    TRUTH = "truth"
    """Known only in simulation; nothing that decides may read it."""


class Document(BaseModel):
    """Base of every payload: frozen, refuses unknown fields, refuses NaN unless said."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ArrayRef(Document):
    """An array that lies beside the record, by its content.

    ``digest`` is the SHA-256 of dtype, shape and values (``core.provenance.digest``).
    """

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    dtype: str
    shape: tuple[int, ...]
    unit: str


def unit(name: str) -> Any:
    """Return a required field whose schema carries its unit."""
    return Field(json_schema_extra={"unit": name})


def preset(value: float, name: str) -> Any:
    """Return a field that has ``value`` unless said otherwise, with its unit."""
    return Field(default=value, json_schema_extra={"unit": name})


def optional(name: str) -> Any:
    """Return a field that may be None (not measured, not known), with its unit."""
    return Field(default=None, json_schema_extra={"unit": name})
