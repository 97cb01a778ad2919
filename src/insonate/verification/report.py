"""Checks of the report: sides, disclaimer, self-containment, size, time."""

import base64
import itertools
import re
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from insonate.core.provenance import DISCLAIMER
from insonate.report import views
from insonate.report.build import render_page
from insonate.report.elements import azimuthal
from insonate.report.views import LETTERS, PLANES, View
from insonate.verification.check import Check, at_most
from insonate.verification.synthetic import treatment_record

AREA = "report"
_SPOT_M = np.array((0.020, 0.014, 0.017))
"""Where the phantom is bright: right, anterior and superior of the target."""

_BLACK_AND_RED = ListedColormap(["black", "red"])

Draw = Callable[[Axes, View], Any]
Turn = Callable[[Any, Any, Any], View]


def checks() -> Iterator[Check]:
    """Yield every number that is asked of the report."""
    phantom = "left-right phantom: the spot must lie on the side that its letter marks"
    yield at_most(
        AREA, "pictures of planes with a side wrongly marked", wrong_planes(), 0, "1", phantom
    )
    yield at_most(
        AREA, "pictures of slices with a side wrongly marked", wrong_slices(), 0, "1", phantom
    )
    yield at_most(AREA, "elements on the wrong side", wrong_elements(), 0, "1", phantom)
    yield from _page_checks()


def _page_checks() -> Iterator[Check]:
    record = treatment_record()
    start = time.process_time()
    page = render_page(record)
    seconds = time.process_time() - start
    project = "what the project asks of a report"
    yield at_most(AREA, "processor time of a report", seconds, 15, "s", project)
    yield at_most(AREA, "size of a report", len(page.encode()) / 1e6, 8, "MB", project)
    yield at_most(
        AREA, "references to anything outside", len(outside_references(page)), 0, "1", project
    )
    yield at_most(
        AREA, "sections without the disclaimer", silent_sections(page), 0, "1", project
    )
    yield at_most(AREA, "numbers that are none (NaN)", nan_words(page), 0, "1", project)


# --- sides -----------------------------------------------------------------------------------


def wrong_planes(draw: Draw = views.show) -> int:
    """Count the sides that ``draw`` marks wrongly on planes of the left-right phantom."""
    wrong = 0
    for name, axes in PLANES.items():
        values = np.zeros((61, 61))
        values[tuple(30 + round(_SPOT_M[a] * 1e3) for a in axes)] = 1
        values = np.maximum(values, np.maximum(np.roll(values, 1, 0), np.roll(values, 1, 1)))
        wrong += wrong_sides(views.centred_view(values, name, 1e-3), draw)
    return wrong


def wrong_slices(turn: Turn = views.slice_view) -> int:
    """Count wrong sides over every way a scanner can order and flip the axes of a slice."""
    wrong = 0
    for name, signs in itertools.product(PLANES, itertools.product((1, -1), repeat=2)):
        for order in (PLANES[name], PLANES[name][::-1]):
            affine = _slice_affine(order, signs)
            wrong += wrong_sides(turn(_slice_values(affine), affine, np.zeros(3)), views.show)
    return wrong


def _slice_affine(order: tuple[int, ...], signs: tuple[int, ...]) -> Any:
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for column, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        affine[axis, column] = sign * 1e-3
        affine[axis, 3] = -sign * 30e-3
    affine[3 - sum(order), 2] = 3e-3
    return affine


def _slice_values(affine: Any) -> Any:
    index = np.stack(np.meshgrid(np.arange(61), np.arange(61), indexing="ij"), axis=-1)
    points = index @ affine[:3, :2].T + affine[:3, 3]
    in_plane = np.abs(affine[:3, :2]).sum(axis=1) > 0
    distance = np.linalg.norm((points - _SPOT_M)[..., in_plane], axis=-1)
    return (distance < 2e-3).astype(float)


def wrong_sides(view: View, draw: Draw) -> int:
    """Draw a view of the phantom and count the axes on which letter and spot disagree.

    The picture is rasterised; the spot is found by its colour, the letters by their place.
    """
    figure = Figure(figsize=(3, 3), dpi=100)
    canvas: Any = FigureCanvasAgg(figure)  # its methods have no types
    ax = figure.add_axes((0.05, 0.05, 0.9, 0.9))
    draw(ax, view)
    for image in ax.get_images():
        image.set_cmap(_BLACK_AND_RED)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba()).astype(int)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 60) & (pixels[..., 2] < 60)
    if not red.any():
        return 2
    rows, columns = np.nonzero(red)
    spot = np.array((columns.mean(), pixels.shape[0] - rows.mean()))
    return sum(not _nearer(ax, spot, *LETTERS[axis]) for axis in (view.across, view.up))


def _nearer(ax: Axes, spot: Any, low: str, high: str) -> bool:
    """Say whether the spot lies nearer to the letter of the high side."""
    middles = {}
    for text in ax.texts:
        box = text.get_window_extent()
        middles[text.get_text()] = np.array(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
    if low not in middles or high not in middles:
        return False
    to_low, to_high = (np.linalg.norm(spot - middles[k]) for k in (low, high))
    return bool(to_high < to_low)


def wrong_elements(place: Callable[[Any, Any], Any] = azimuthal) -> int:
    """Count elements that the map puts on another side of the target than they are on."""
    k = np.arange(400) + 0.5
    height, turn = 1 - k / 400, k * np.pi * (3 - np.sqrt(5))
    ring = np.sqrt(1 - height**2)
    directions = np.stack((ring * np.cos(turn), ring * np.sin(turn), height), axis=1)
    target = np.array((-0.01, 0.02, 0.03))
    mapped = place(target + 0.15 * directions, target)
    clear = np.abs(directions[:, :2]) > 0.02
    return int((clear & (np.sign(mapped) != np.sign(directions[:, :2]))).sum())


# --- the page --------------------------------------------------------------------------------


class _Outside(HTMLParser):
    """Collects what a page would fetch, or lead to, from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            fetches = name in {
                "src",
                "href",
                "data",
                "action",
                "poster",
                "srcset",
                "xlink:href",
            }
            if fetches and not (value or "").startswith(("data:", "#")):
                self.found.append(f"{tag} {name}={value}")
        if tag in {"script", "link", "iframe", "object", "embed", "base"}:
            self.found.append(tag)


def outside_references(page: str) -> list[str]:
    """Return everything in a page, its style sheets and its pictures that lies outside of it."""
    parser = _Outside()
    parser.feed(page)
    found = parser.found
    for style in re.findall(r"<style>(.*?)</style>", page, re.DOTALL):
        found += re.findall(r"url\([^)]*\)|@import[^;]*", style)
    for picture in re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", page):
        parser = _Outside()
        parser.feed(base64.b64decode(picture).decode())
        found += parser.found
    return found


class _Sections(HTMLParser):
    """Collects the text of each section."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag == "section":
            self._inside = True
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


def silent_sections(page: str, sentence: str = DISCLAIMER) -> int:
    """Count the sections that lack the disclaimer; a page without sections counts as one."""
    parser = _Sections()
    parser.feed(page)
    return sum(sentence not in text for text in parser.texts) if parser.texts else 1


def nan_words(page: str) -> int:
    """Count "nan", "inf" and "None" as words in the text that a reader sees."""
    text = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", text)
    return len(re.findall(r"\b(?:nan|NaN|NAN|inf|Inf)\b|\bNone\b", text))
