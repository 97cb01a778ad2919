"""Pictures: the right side is on the side that says so, whatever the scanner's axes were."""

import base64
import io
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from insonate.core import GeometryError, RecordError
from insonate.report import (
    anatomy,
    canvas,
    elements,
    maps,
    temperatures,
    timeline,
    truth,
    views,
)
from insonate.report.story import Story, frame_of
from insonate.testing.records import TreatmentOptions, treatment_record
from insonate.verification import report as checks
from insonate.verification.synthetic.pictures import CALCIFICATION_M, slice_affine


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(treatment_record())


def test_planes_slices_and_elements_mark_their_sides_rightly():
    assert checks.wrong_planes() == 0
    assert checks.wrong_slices() == 0
    assert checks.wrong_elements() == 0


def show_mirrored_letters(ax, view):
    views.show(ax, view)
    for text in ax.texts:
        swapped = {"L": "R", "R": "L", "A": "P", "P": "A"}
        text.set_text(swapped.get(text.get_text(), text.get_text()))


def show_mirrored_picture(ax, view):
    views.show(ax, view.like(view.values[::-1]))


def show_turned_axes_after_marking(ax, view):
    views.show(ax, view)
    ax.invert_xaxis()


def show_without_letters(ax, view):
    ax.imshow(view.values.T, origin="lower", extent=view.extent_mm)


@pytest.mark.parametrize(
    "wrong",
    [
        show_mirrored_letters,
        show_mirrored_picture,
        show_turned_axes_after_marking,
        show_without_letters,
    ],
)
def test_wrong_pictures_are_rejected(wrong):
    assert checks.wrong_planes(wrong) > 0


def test_slices_that_ignore_the_scanners_axes_are_rejected():
    def careless(values, affine, target):
        return views.slice_view(values, np.abs(affine) * [[1, 1, 1, -1]], target)

    assert checks.wrong_slices(careless) > 0


def test_mirrored_elements_are_rejected():
    assert checks.wrong_elements(lambda p, t: elements.azimuthal(p, t) * [-1, 1]) > 0


def test_radiological_convention_puts_the_patients_left_on_the_right():
    for name in ("axial", "coronal"):
        ax = Figure().add_subplot()
        views.show(ax, views.centred_view(np.zeros((5, 5)), name, 1e-3))
        places = {t.get_text(): t.get_position() for t in ax.texts}
        assert places["L"][0] > 0.9
        assert places["R"][0] < 0.1
        assert ax.get_xlim()[0] > ax.get_xlim()[1]


def test_every_anatomical_axes_of_the_report_carries_its_sides(story, monkeypatch):
    drawn = []
    keep = canvas.png_uri
    monkeypatch.setattr(canvas, "png_uri", lambda f: drawn.append(f) or keep(f))
    anatomy.planes_picture(story)
    maps.map_pictures(story)
    truth.lesion_picture(story)
    elements.array_picture(story, elements.elements_of(story))
    panels = [ax for figure in drawn for ax in figure.axes if ax.get_aspect() == 1.0]
    for ax in panels:
        letters = {t.get_text(): t.get_position()[0] for t in ax.texts if t.get_gid()}
        first, last = ("R", "L") if "L" in letters else ("A", "P")
        assert letters[first] < letters[last]
        assert ax.get_xlim()[0] > ax.get_xlim()[1]
    assert len(panels) == 9 + 3 * 5 + 3 + 3


def test_calcification_of_the_synthetic_head_is_on_the_side_marked_right(story):
    view = anatomy._plane(story, "ct", "axial")
    across, up = view.axes_mm()
    stone = (np.asarray(CALCIFICATION_M) - story.target_m) * 1e3
    mirrored = 2 * -story.target_m[0] * 1e3 - stone[0]
    i, k, j = (
        np.abs(centres - place).argmin()
        for centres, place in ((across, stone[0]), (across, mirrored), (up, stone[1]))
    )
    assert stone[0] > 0
    assert view.values[i, j] > 1000
    assert view.values[k, j] < 100


@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations(range(3)),
    flips=st.tuples(*[st.sampled_from([-1, 1])] * 2),
    tilt=st.floats(-0.4, 0.4),
    spacing=st.tuples(st.floats(0.5e-3, 3e-3), st.floats(0.5e-3, 3e-3)),
)
def test_turning_a_slice_keeps_every_voxel_at_its_place(order, flips, tilt, spacing):
    rng = np.random.default_rng(0)
    c, s = np.cos(tilt), np.sin(tilt)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    linear = turn @ np.eye(3)[:, list(order)][:, :2] * np.array(flips) * np.array(spacing)
    affine = np.eye(4)
    affine[:3, :2], affine[:3, 3] = linear, rng.normal(size=3) * 0.05
    target = rng.normal(size=3) * 0.02
    values = np.arange(12.0 * 7).reshape(12, 7)
    view = views.slice_view(values, affine, target)
    across, up = view.axes_mm()
    for i, j in ((0, 0), (11, 0), (3, 5), (11, 6)):
        point = affine @ [i, j, 0, 1]
        a, u, _ = view.project(point[:3] - target)
        k, m = np.abs(across - a).argmin(), np.abs(up - u).argmin()
        assert abs(across[k] - a) < 1e-6
        assert abs(up[m] - u) < 1e-6
        assert view.values[k, m] == values[i, j]


def test_slice_whose_axes_coincide_is_refused():
    affine = np.zeros((4, 4))
    affine[0, :2] = 1e-3
    with pytest.raises(GeometryError, match="same axis"):
        views.slice_view(np.zeros((3, 3)), affine, np.zeros(3))


def test_view_refuses_what_is_no_plane():
    with pytest.raises(GeometryError, match="plane of values"):
        views.plane_view(np.zeros((3, 3, 3)), "axial", np.zeros(3), np.ones(3))


def test_readout_direction_follows_the_affine(story):
    target = story.target_m
    affine = slice_affine("coronal", target)
    view = views.slice_view(np.zeros((8, 8)), affine, target)
    assert views.readout_direction(view, affine, 0) == pytest.approx((-1, 0))
    assert views.readout_direction(view, affine, 1) == pytest.approx((0, 1))


def test_azimuthal_map_keeps_the_angle_from_the_axis():
    target = np.array((0.01, 0.02, 0.03))
    k = np.arange(300) + 0.5
    height, turn = 1 - k / 300, k * np.pi * (3 - np.sqrt(5))
    ring = np.sqrt(1 - height**2)
    d = np.stack((ring * np.cos(turn), ring * np.sin(turn), height), axis=1)
    axis = d.mean(axis=0) / np.linalg.norm(d.mean(axis=0))
    mapped = elements.azimuthal(target + 0.15 * d, target)
    expected = np.degrees(np.arccos(d @ axis))
    assert np.linalg.norm(mapped, axis=1) == pytest.approx(expected, abs=1e-6)


def test_thinning_keeps_the_peaks_of_a_long_curve():
    time = np.linspace(0, 100, 50_000)
    values = np.sin(time) + (np.arange(50_000) == 31_111) * 7.0
    thin_time, thin = timeline.thinned(time, values)
    assert len(thin) <= timeline.MOST_POINTS + 2
    assert thin.max() == values.max()
    assert thin.min() == values.min()
    assert (np.diff(thin_time) > 0).all()


def test_contours_are_drawn_only_where_the_values_reach_them():
    ax = Figure().add_subplot()
    values = np.full((9, 9), 1.0)
    values[4, 4] = 150.0
    views.contours(ax, views.centred_view(values, "axial", 1e-3), canvas.DOSE_CONTOURS)
    assert sorted(c for s in ax.collections for c in s.levels) == [17.0, 100.0]
    empty = Figure().add_subplot()
    nothing = views.centred_view(np.full((9, 9), np.nan), "axial", 1e-3)
    views.contours(empty, nothing, canvas.DOSE_CONTOURS)
    assert not empty.collections


def test_peaks_drawn_are_the_peaks_of_the_events(story, monkeypatch):
    drawn = []
    keep = canvas.svg_uri
    monkeypatch.setattr(canvas, "svg_uri", lambda f: drawn.append(f) or keep(f))
    temperatures.temperatures_picture(story)
    ax = drawn[0].axes[0]
    dots = [c.lines[0].get_ydata()[0] for c in ax.containers if hasattr(c, "has_yerr")]
    assert dots == pytest.approx([e.peak_degc for e in story.exposures])


def test_pictures_from_many_threads_are_the_same(story):
    results = []
    threads = [
        threading.Thread(
            target=lambda: results.append(temperatures.temperatures_picture(story).uri)
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert len(set(results)) == 1


def test_png_is_sharp_enough(story):
    picture = truth.lesion_picture(story)
    image = Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2])))
    assert image.size[0] >= 1500


def test_pictures_without_data_are_left_out():
    bare = Story(treatment_record(TreatmentOptions(exposures=(), with_mr=False)))
    assert temperatures.temperatures_picture(bare) is None
    assert timeline.timeline_picture(bare) is None
    assert maps.map_pictures(bare) == []
    assert truth.truth_picture(bare) is None
    assert truth.lesion_picture(bare) is None


def test_frame_of_refuses_other_events(story):
    with pytest.raises(RecordError, match="not a thermometry frame"):
        frame_of(story.events[0])
