"""``insonate thermometry``: files to maps, a live server, and bad input in one sentence."""

import json
import threading
from contextlib import suppress

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from insonate.cli.main import app
from insonate.core import SettingsError
from insonate.session.listening import Listening, listen
from insonate.streams import MrdClient, ServerOptions
from insonate.thermometry import acquire
from insonate.thermometry.header import protocol_from
from insonate.thermometry.series import SeriesOptions
from insonate.verification.thermal_slice import (
    CENTRE_M,
    HotSpot,
    ellipse_anatomy,
    small_protocol,
)

PROTOCOL = small_protocol()
RUN = CliRunner()


@pytest.fixture(scope="module")
def images():
    anatomy, rng = ellipse_anatomy(PROTOCOL, texture=0.2), np.random.default_rng(0)
    cold, hot = np.zeros((80, 72)), HotSpot(CENTRE_M, 20.0).cells(anatomy.geometry)
    return np.stack([acquire(anatomy, PROTOCOL, k, rng=rng) for k in (*[cold] * 4, hot, hot)])


@pytest.fixture
def pair(tmp_path, images):
    paths = []
    for name, part in (("mag", np.abs), ("phase", np.angle)):
        path = tmp_path / f"{name}.nii.gz"
        values = part(images).transpose(1, 2, 0)[:, :, None].astype(np.float32)
        nib.save(nib.Nifti1Image(values, np.diag([1.1, 1.1, 3.0, 1.0])), path)
        paths.append(str(path))
    return paths


def test_files_become_maps_and_curves(tmp_path, pair):
    out = tmp_path / "out"
    done = RUN.invoke(app, ["thermometry", *pair, "--preset", "clinical-3t", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output.count("slice 0 frame") == 2
    delta = nib.load(out / "delta_t.nii.gz").get_fdata()
    assert delta.shape == (80, 72, 1, 2)
    assert 15 < np.nanmax(delta[..., 1]) < 21
    assert nib.load(out / "dose.nii.gz").get_fdata().max() > 1.0
    rows = (out / "curves.csv").read_text().splitlines()
    assert rows[0].startswith("slice,frame,end_s,peak_k")
    assert len(rows) == 3


def test_json_says_every_frame(tmp_path, pair):
    header = tmp_path / "header.json"
    header.write_text('{"preset": "clinical-3t", "matrix": [80, 72]}')
    done = RUN.invoke(
        app,
        ["thermometry", *pair, "--header", str(header), "--out", str(tmp_path / "o"), "--json"],
    )
    document = json.loads(done.stdout)
    assert [f["frame"] for f in document["frames"]] == [0, 1]
    assert "Not a medical device" in document["disclaimer"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([], "no temperature"),
        (["--preset", "magic"], "no preset 'magic'"),
        (["--preset", "clinical-3t", "--method", "magic"], "no method 'magic'"),
        (["--preset", "clinical-3t", "--references", "6"], "leave none"),
        (["--preset", "clinical-3t", "--phase", "siemens"], "another convention"),
        (["--preset", "clinical-3t", "--listen"], "either files or --listen"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(tmp_path, pair, more, sentence):
    out = tmp_path / "out"
    done = RUN.invoke(app, ["thermometry", *pair, *more, "--out", str(out)])
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.split())
    assert not out.exists()


def test_a_header_must_have_every_field():
    whole = {f: getattr(PROTOCOL, f) for f in PROTOCOL.__dataclass_fields__}
    assert protocol_from(whole) == PROTOCOL
    for name in whole:
        rest = {k: v for k, v in whole.items() if k != name}
        with pytest.raises(SettingsError, match=f"lacks '{name}'"):
            protocol_from(rest)
    with pytest.raises(SettingsError, match="no field 'colour'"):
        protocol_from({**whole, "colour": 1})
    with pytest.raises(SettingsError, match="must be a number"):
        protocol_from({**whole, "echo_time_s": "long"})
    with pytest.raises(SettingsError, match=r"the images 0\.02"):
        protocol_from(whole, {"echo_time_s": 20e-3})
    facts = {"matrix_x": 96.0, "matrix_y": 80.0}
    assert protocol_from({"preset": "clinical-3t"}, facts).matrix == (96, 80)


NAMES = [*PROTOCOL.__dataclass_fields__, "preset", "other"]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.lists(st.integers(), max_size=3),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_any_header_is_a_protocol_or_one_error(changes):
    whole = {f: getattr(PROTOCOL, f) for f in PROTOCOL.__dataclass_fields__}
    with suppress(SettingsError):
        assert protocol_from({**whole, **changes})


def test_a_live_session_prints_lines_and_writes_maps_at_its_end(tmp_path, images):
    said, until = [], threading.Event()
    where = Listening(ServerOptions(port=0), 0)
    written = []

    def serve():
        options = SeriesOptions()
        written.extend(
            listen(PROTOCOL, options, where, tmp_path, show=said.append, until=until)
        )

    thread = threading.Thread(target=serve)
    thread.start()
    while not any("MRD server" in s for s in said):
        until.wait(0.01)
    port = int(next(s for s in said if "MRD server" in s).rpartition(":")[2])
    with MrdClient("127.0.0.1", port, PROTOCOL) as client:
        for n, image in enumerate(images):
            client.send(image, n)
        client.answer()
        client.answer()
        client.finish()
    until.set()
    thread.join()
    assert sum("ΔT" in s for s in said) == 2
    assert (tmp_path / "delta_t.nii.gz").exists()
    assert len(written) == 4
