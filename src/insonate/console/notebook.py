"""The console's viewer in a notebook: extra ``[jupyter]``.

>>> from insonate.console.notebook import view  # doctest: +SKIP
>>> view(head)  # doctest: +SKIP
>>> view(head, plan.focal_field)  # doctest: +SKIP
>>> view(open_record("build/rehearsal/record"))  # doctest: +SKIP
"""

from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from insonate.console.described import Stored, ct_shown
from insonate.console.serve import built_page
from insonate.core import SettingsError, Volume
from insonate.core.provenance import DISCLAIMER
from insonate.field import PressureField
from insonate.head import HeadModel
from insonate.images.writing import nifti_bytes
from insonate.record import Record
from insonate.report.build import figures_of

Shown = HeadModel | PressureField | Volume

_COLOURS = {"head": "gray", "field": "viridis", "volume": "warm"}


class Figures:
    """The pictures of a record's report, for a notebook's cell."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def _repr_html_(self) -> str:
        """Return the pictures with their captions, under the disclaimer."""
        drawn = (
            f'<figure><img src="{picture.uri}" alt="{escape(picture.alt)}">'
            f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
            for picture in figures_of(self._record)
        )
        return f"<p><b>{escape(DISCLAIMER)}</b></p>{''.join(drawn)}"


def view(*what: Shown | Record, height: int = 480) -> Any:
    """Return something that a notebook shows: planes and 3-D, or a record's figures.

    Parameters
    ----------
    what
        One record; or heads, fields and volumes of one frame, the first one below the others.
    height
        Of the picture, pixels.

    Returns
    -------
    anywidget.AnyWidget or Figures

    Raises
    ------
    SettingsError
        When nothing was given, a record with something else, or the extra is not installed.
    """
    records = [w for w in what if isinstance(w, Record)]
    if not what or (records and len(what) > 1):
        raise SettingsError(
            f"{len(what)} things were given to view; give one record, or one or more heads, fields "
            "and volumes."
        )
    if records:
        return Figures(records[0])
    shown = [_layer(w) for w in what if not isinstance(w, Record)]
    layers = [
        {"name": name, "colormap": _COLOURS[name], "opacity": 1.0 if i == 0 else 0.5,
         "low": low, "high": high}
        for i, (name, (_, low, high)) in enumerate(shown)
    ]  # fmt: skip
    contents = [nifti_bytes(volume, f"insonate {name}") for name, (volume, _, _) in shown]
    return _widget(layers, contents, height)


def _layer(what: Shown) -> tuple[str, Stored]:
    if isinstance(what, HeadModel):
        return "head", ct_shown(Volume(what.hounsfield, what.grid, "HU"))
    if isinstance(what, PressureField):
        values = np.abs(what.pressure).astype(np.float32)
        top = float(values.max())
        return "field", (Volume(values, what.grid, "Pa"), 0.1 * top, top)
    values = what.array.astype(np.float32)
    low, high = (float(v) for v in np.percentile(values, (2.0, 99.5)))
    return "volume", (Volume(values, what.grid, what.unit), low, high)


def _widget(layers: list[dict[str, Any]], contents: list[bytes], height: int) -> Any:
    if find_spec("anywidget") is None:
        raise SettingsError(
            "A viewer in a notebook needs anywidget, which this installation lacks. Run: "
            "pip install 'insonate[jupyter]'"
        )
    import anywidget  # noqa: PLC0415 - an extra
    import traitlets  # noqa: PLC0415 - comes with it

    module: Path = built_page() / "widget.js"
    synced = {"sync": True}

    class Viewer(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
        """Planes and 3-D of volumes."""

        _esm = module
        layers: Any = traitlets.List().tag(**synced)
        contents: Any = traitlets.List().tag(**synced)
        disclaimer = traitlets.Unicode(DISCLAIMER).tag(**synced)
        height = traitlets.Int(480).tag(**synced)

    return Viewer(layers=layers, contents=contents, height=height)
