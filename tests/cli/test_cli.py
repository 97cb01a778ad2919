"""The command line: exit codes, one JSON document, one sentence for each bad input."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from typer.testing import CliRunner

from insonate.cli import output
from insonate.cli.main import app
from insonate.core.provenance import DISCLAIMER, versions
from insonate.record import open_record
from insonate.session import CaseSource
from insonate.verification.check import at_most

pytestmark = pytest.mark.usefixtures("one_thread")

COMMANDS = ("plan", "rehearse", "replay", "report", "scenarios", "verify")


def insonate(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def told(result) -> str:
    """Return the one sentence of an error, with what stands round it checked."""
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    (line,) = [s for s in result.stderr.splitlines() if s.startswith("Error: ")]
    assert line.endswith(".")
    rest = result.stderr.replace(DISCLAIMER, "").replace(line, "")
    bars = [s for s in rest.splitlines() if s.strip() and "%" not in s]
    assert not bars, bars
    return line


def nothing_finished(out: Path) -> bool:
    """Whether there is no report, no plan, and no record that looks finished."""
    if any((out / name).exists() for name in ("report.html", "plan.json")):
        return False
    folder = out / "record"
    return not folder.exists() or not open_record(folder).complete


# --- help, version, usage ----------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    result = insonate(command, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout
    assert result.stderr == ""


def test_the_root_names_every_command_and_what_the_software_is_not():
    result = insonate("--help")
    assert result.exit_code == 0
    assert all(command in result.stdout for command in COMMANDS)
    assert "Not a medical device" in " ".join(result.stdout.split())


def test_version_is_the_same_by_command_and_by_module():
    wanted = f"insonate {versions()['insonate']}\n"
    assert insonate("--version").stdout == wanted
    found = subprocess.run(
        [sys.executable, "-m", "insonate", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, wanted, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("heal",),
        ("rehearse", "--nonsense"),
        ("rehearse", "--phantom", "--seed", "one"),
        ("rehearse", "--phantom", "--target-ras", "1", "2"),
        ("replay",),
    ],
)
def test_wrong_usage_exits_with_two(arguments):
    result = insonate(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


# --- settings and heads ------------------------------------------------------------------------

REFUSED = {
    "no head": ((), "Give exactly one head"),
    "two heads": (("--phantom", "--ct", "a.nii.gz"), "Give exactly one head"),
    "MR without CT": (("--phantom", "--mr", "t1.nii.gz"), "--mr goes with --ct"),
    "no such folder": (("nowhere",), "There is no folder nowhere"),
    "no such file": (("--ct", "nowhere.nii.gz"), "nowhere.nii.gz"),
    "unknown target": (("--phantom", "--target", "soul"), "There is no target 'soul'"),
    "unknown mapping": (("--phantom", "--mapping", "guess"), "guess"),
    "50 kHz": (("--phantom", "--frequency-khz", "50"), "The frequency is 50 kHz"),
    "NaN kHz": (("--phantom", "--frequency-khz", "nan"), "The frequency is nan kHz"),
    "absorbed share": (("--phantom", "--absorbed-share", "2"), "absorbed share of bone is 2"),
    "NaN target": (("--phantom", "--target-ras", "nan", "0", "0"), "three finite numbers"),
}


@pytest.mark.parametrize("command", ["plan", "rehearse"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_setting_is_one_sentence(command, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, sentence = REFUSED[name]
    assert sentence in told(insonate(command, *arguments, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [("--scenario", "sunny", "no scenario 'sunny'"), ("--seed", "-1", "The seed is -1")],
)
def test_a_bad_rehearsal_is_one_sentence(option, value, sentence, tmp_path):
    result = insonate("rehearse", "--phantom", option, value, "--out", tmp_path / "out")
    assert sentence in told(result)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def coarse_phantom(coarse, monkeypatch):
    source: CaseSource = coarse.case.source
    monkeypatch.setattr("insonate.session.case_source", lambda *_, **__: source)


@pytest.mark.usefixtures("coarse_phantom")
@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ((500, 0, 0), "lies outside the CT"),
        ((4, -10, 85), "not in the brain"),
        ((4, -10, 75), "from skull or air"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "rehearse"])
def test_a_target_where_nothing_can_be_treated(command, point, sentence, tmp_path):
    result = insonate(
        command, "--phantom", "--target-ras", *point, "--out", tmp_path / "out", "--quiet"
    )
    assert sentence in told(result)
    assert nothing_finished(tmp_path / "out")


# --- images ------------------------------------------------------------------------------------


def head_hu(spacing_mm=4.0, top_mm=120.0):
    """Return a head of ellipsoids, HU, and its affine in mm."""
    low = np.array([-100.0, -120.0, -100.0])
    count = np.array([200.0, 240.0, 100.0 + top_mm]) / spacing_mm
    axes = [low[a] + spacing_mm * np.arange(int(count[a])) for a in range(3)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    radius = np.sqrt((x / 75) ** 2 + (y / 95) ** 2 + (z / 80) ** 2)
    hu = np.select([radius < 0.88, radius < 1.0, radius < 1.08], [36, 1200, 40], -1000)
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = low
    return hu.astype(np.float32), affine


def saved(path, array, affine, unit="mm"):
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units(unit)
    nib.save(image, path)
    return path


def not_a_ct(folder):
    hu, affine = head_hu()
    return saved(folder / "mr.nii.gz", np.clip(hu + 1000, 0, 900).astype(np.int16), affine)


def picture(folder):
    hu, affine = head_hu()
    grey = np.clip((hu + 1000) / 10, 0, 255).astype(np.uint8)
    return saved(folder / "picture.nii.gz", grey, affine)


def cut_off(folder):
    return saved(folder / "cut.nii.gz", *head_hu(top_mm=40.0))


def with_nan(folder):
    hu, affine = head_hu()
    hu[10, 10, 10] = np.nan
    return saved(folder / "nan.nii.gz", hu, affine)


def four_dimensional(folder):
    hu, affine = head_hu()
    return saved(folder / "4d.nii.gz", np.stack([hu, hu], axis=-1), affine)


def two_dimensional(folder):
    hu, affine = head_hu()
    return saved(folder / "2d.nii.gz", hu[:, :, 20], affine)


def in_metres(folder):
    return saved(folder / "metres.nii.gz", *head_hu(), unit="meter")


def in_micrometres(folder):
    return saved(folder / "micron.nii.gz", *head_hu(), unit="micron")


def truncated(folder):
    path = saved(folder / "short.nii", *head_hu())
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def text(folder):
    path = folder / "text.nii.gz"
    path.write_text("not an image")
    return path


def empty_folder(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


IMAGES = (
    not_a_ct, picture, cut_off, with_nan, four_dimensional, two_dimensional, in_metres,
    in_micrometres, truncated, text, empty_folder,
)  # fmt: skip


@pytest.mark.parametrize("make", IMAGES, ids=lambda f: f.__name__)
def test_a_bad_image_is_one_sentence_and_leaves_nothing(make, tmp_path):
    out = tmp_path / "out"
    line = told(insonate("rehearse", "--ct", make(tmp_path), "--out", out, "--quiet"))
    assert len(line) > 40
    assert not out.exists()


def test_missing_slices_are_one_sentence(tmp_path):
    slices = series(tmp_path / "ct")
    slices[len(slices) // 2].unlink()
    line = told(insonate("rehearse", "--ct", tmp_path / "ct", "--out", tmp_path / "out", "-q"))
    assert "slice" in line
    assert not (tmp_path / "out").exists()


def series(folder):
    """Write a head as DICOM slices with pydicom; return their paths in order."""
    folder.mkdir()
    hu, affine = head_hu()
    uid, paths = generate_uid(), []
    for k in range(hu.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.Modality, data.SeriesInstanceUID, data.InstanceNumber = "CT", uid, k + 1
        stored = (hu[::-1, ::-1, k].T + 1024).astype(np.uint16)
        data.Rows, data.Columns = stored.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation = 0
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
        data.PixelSpacing, data.ImageOrientationPatient = [4, 4], [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [-96.0, -116.0, float(affine[2, 3] + 4 * k)]
        data.PixelData = stored.tobytes()
        path = folder / f"{k:04d}.dcm"
        data.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


# --- output folders ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["plan", "rehearse"])
def test_out_that_is_a_file_is_one_sentence(command, tmp_path):
    out = tmp_path / "out"
    out.write_text("mine")
    assert "is a file" in told(insonate(command, "--phantom", "--out", out))
    assert out.read_text() == "mine"


def test_out_below_a_file_is_one_sentence(tmp_path, coarse, monkeypatch):
    monkeypatch.setattr("insonate.session.case.prepare", lambda *_: coarse.case)
    (tmp_path / "file").write_text("mine")
    for command in ("plan", "rehearse"):
        result = insonate(command, "--phantom", "--out", tmp_path / "file" / "out", "-q")
        assert "cannot be written" in told(result)


def test_a_finished_record_is_not_written_over(run):
    before = (run.out / "record" / "events.jsonl").read_bytes()
    line = told(insonate("rehearse", "--phantom", "--out", run.out))
    assert "finished record" in line
    assert "--replace" in line
    assert (run.out / "record" / "events.jsonl").read_bytes() == before


def test_a_bad_input_with_replace_deletes_nothing(run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(run.out, out)
    told(insonate("rehearse", "--ct", picture(tmp_path), "--out", out, "--replace", "-q"))
    assert open_record(out / "record").complete


# --- what works --------------------------------------------------------------------------------


def only_json(result):
    assert result.exit_code == 0, result.output
    document, end = json.JSONDecoder().raw_decode(result.stdout)
    assert result.stdout[end:] == "\n"
    return document


def test_plan_writes_its_tables_and_prints_one_document(coarse, tmp_path, monkeypatch):
    monkeypatch.setattr("insonate.session.case.prepare", lambda *_: coarse.case)
    out = tmp_path / "plan"
    document = only_json(insonate("plan", "--phantom", "--out", out, "--json"))
    assert sorted(p.name for p in out.iterdir()) == ["elements.txt", "phases.csv", "plan.json"]
    kept = json.loads((out / "plan.json").read_text(encoding="utf-8"))
    assert kept["disclaimer"] == DISCLAIMER
    assert {k: kept[k] for k in document} == document
    assert document["elements"] == 256
    rows = (out / "phases.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == f"# {DISCLAIMER}"
    assert sum(",on," in row for row in rows) == document["elements_on"]
    assert "holds a plan already" in told(insonate("plan", "--phantom", "--out", out))
    shown = insonate("plan", "--phantom", "--out", out, "--replace", "-q")
    assert shown.exit_code == 0
    assert f"Plan: {out / 'plan.json'}" in shown.stdout


def test_rehearse_ends_with_the_paths_and_prints_one_document(
    coarse, run, tmp_path, monkeypatch
):
    def rehearsed(_case, _settings, out, *, progress):
        progress("Rehearsing the treatment", 0.5, "at [red]half[/red]")
        shutil.copytree(run.out / "record", out / "record", dirs_exist_ok=True)
        return open_record(out / "record")

    def rendered(_record, path, _beside):
        path.write_text(DISCLAIMER)
        return path

    monkeypatch.setattr("insonate.session.case.prepare", lambda *_: coarse.case)
    monkeypatch.setattr("insonate.session.case.rehearse_plan", rehearsed)
    monkeypatch.setattr("insonate.session.case.render_report", rendered)
    out = tmp_path / "[bold]out[/bold]"
    result = insonate("rehearse", "--phantom", "--out", out)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == [
        f"Record: {out / 'record'}",
        f"Report: {out / 'report.html'}",
    ]
    assert DISCLAIMER in result.stderr
    document = only_json(insonate("rehearse", "--phantom", "--out", out, "--json", "--replace"))
    assert document["outcome"] == "lesion made"
    assert document["disclaimer"] == DISCLAIMER


def test_replay_by_command(run, tmp_path):
    result = insonate("replay", run.out / "record")
    assert result.exit_code == 0
    assert "the same" in result.stdout
    document = only_json(insonate("replay", run.out / "record", "--json"))
    assert document["identical"] is True
    assert "There is no record" in told(insonate("replay", tmp_path))


def test_a_replay_that_differs_exits_with_one(run, monkeypatch):
    monkeypatch.setattr("insonate.session.replay.step", lambda state, *_: (state, ()))
    result = insonate("replay", run.out / "record", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["identical"] is False
    assert "The replay differs from the record." in result.stderr


def test_a_changed_record_is_one_sentence(run, tmp_path):
    shutil.copytree(run.out / "record", tmp_path / "record")
    events = tmp_path / "record" / "events.jsonl"
    events.write_bytes(events.read_bytes().replace(b'"seed":1', b'"seed":2'))
    for command in ("replay", "report"):
        assert "changed" in told(insonate(command, tmp_path / "record"))
    assert not (tmp_path / "report.html").exists()


def test_report_by_command_from_the_record_alone(run, tmp_path):
    alone = tmp_path / "copy" / "record"
    shutil.copytree(run.out / "record", alone)
    document = only_json(insonate("report", alone, "--json"))
    page = alone.parent / "report.html"
    assert document["report"] == str(page)
    assert DISCLAIMER in page.read_text(encoding="utf-8")
    assert "There is no record" in told(insonate("report", tmp_path / "[red]none[/red]"))


def test_verify_one_area_prints_one_list():
    checks = only_json(insonate("verify", "thermometry", "--json"))
    fields = {"area", "check", "value", "limit", "unit", "passed", "reference"}
    assert checks
    assert all(set(c) == fields for c in checks)
    assert all(c["passed"] and c["area"] == "thermometry" for c in checks)


def test_verify_of_nothing_known_is_one_sentence():
    line = told(insonate("verify", "nonsense"))
    assert "nonsense" in line
    assert "heat" in line


def test_a_missed_check_exits_with_one(monkeypatch):
    wrong = [at_most("heat", "a wrong subject", 2.0, 1.0, "1", "none [red]at[/red] all")]
    monkeypatch.setattr("insonate.verification.areas.run_checks", lambda *_, **__: wrong)
    result = insonate("verify")
    assert result.exit_code == 1
    assert "MISSED" in result.stdout
    assert "a wrong subject" in result.stderr
    assert insonate("verify", "--json").exit_code == 1


# --- output ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["[red]a[/red]", "[x]", "[/]", "a:smile:b", "[link=u]b"])
def test_brackets_in_a_path_are_shown_as_they_are(name, tmp_path):
    assert name in told(insonate("report", tmp_path / name / "c"))


def test_an_interruption_says_what_is_kept(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("insonate.session.case.prepare", interrupted)
    result = insonate("rehearse", "--phantom", "--out", tmp_path / "out", "-q")
    assert result.exit_code == output.EXIT_INTERRUPTED
    assert "Interrupted." in result.stderr
    assert str(tmp_path / "out" / "record") in result.stderr
    result = insonate("plan", "--phantom", "--out", tmp_path / "out", "-q")
    assert "Nothing was written." in result.stderr


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.floats(), st.text()),
        lambda inner: st.one_of(
            st.lists(inner), st.tuples(inner), st.dictionaries(st.text(), inner)
        ),
        max_leaves=8,
    )
)
def test_whatever_is_printed_is_json(document):
    def refuse(name):
        raise AssertionError(name)

    json.loads(json.dumps(output._known(document), allow_nan=False), parse_constant=refuse)
