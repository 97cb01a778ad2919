"""The record loses nothing, believes nothing changed, and lets one writer in."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from insonate.core import RecordError
from insonate.core.provenance import digest
from insonate.events import ArrayRef, Source
from insonate.events.documents import (
    ClockTick,
    CoolingReading,
    OperatorCommand,
    PowerSet,
    SessionClosed,
    SessionOpened,
    StateChanged,
)
from insonate.record import (
    Recorder,
    check_record,
    decisions_after,
    observations,
    open_record,
    pseudonym,
)
from insonate.record import arrays as arrays_module
from insonate.record.arrays import load, npy_head, portable, reference, store
from insonate.record.lines import _link, canonical, header
from insonate.record.places import record_beside
from insonate.record.reading import read_chain
from insonate.record.writing import RELAXED
from insonate.verification.record import (
    checks,
    is_found,
    lost_by_cutting,
    read_events,
    sample_record,
    unfound_changes,
)

TICK = ClockTick()
OPENED = SessionOpened(
    case="case-1",
    simulated=True,
    disclaimer="d",
    scenario="s",
    seed=1,
    versions={},
    settings={},
)


def add(recorder, payload=TICK, time_s=0.0, source=Source.SESSION, **more):
    return recorder.append(payload, time_s=time_s, source=source, **more)


# --- written and read ---


def test_what_is_written_is_read_again_exactly(written):
    folder, told = written
    record = open_record(folder)
    assert record.events == told
    assert record.complete
    assert record.missing == ()
    assert check_record(folder) == []


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0.0, 1e9), st.text())
@examples(max_examples=30, deadline=None)
def test_every_float_and_text_survives_bit_for_bit(value, time_s, text):
    with tempfile.TemporaryDirectory() as name:
        with Recorder(Path(name)) as recorder:
            payload = PowerSet(sonication=1, power_w=value)
            event = add(recorder, payload, time_s=time_s, reason=text)
        (again,) = open_record(Path(name)).events
        assert again == event
        assert again.payload.power_w.hex() == value.hex()


@given(hnp.arrays(
    st.sampled_from(["<f4", ">f8", "<c8", "|b1", "<i2", ">u4"]).map(np.dtype),
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)))  # fmt: skip
@examples(max_examples=60, deadline=None)
def test_every_array_survives_bit_for_bit_and_numpy_reads_it(array):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = portable(array, "a")
        ref = reference(kept, "K")
        store(folder, kept, ref, durable=False)
        again = load(folder, ref)
        assert again.tobytes() == kept.tobytes()
        assert not again.flags.writeable
        np.testing.assert_array_equal(np.load(next((folder / "arrays").iterdir())), array)


def test_a_transposed_array_is_kept_by_its_values(tmp_path):
    array = np.arange(6.0).reshape(2, 3).T
    with Recorder(tmp_path) as recorder:
        event = add(recorder, arrays={"a": (array, "K"), "scalar": (np.float64(2.0), "m")})
    record = open_record(tmp_path)
    np.testing.assert_array_equal(record.array(event.arrays["a"]), array)
    assert event.arrays["a"].unit == "K"
    assert record.array(event.arrays["scalar"]).shape == (1,)


@pytest.mark.parametrize("shape", [(6,), (1,), (2, 3), (1, 2, 3), (0, 4)])
def test_what_numpy_writes_itself_is_the_same_bytes(tmp_path, shape):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.save(tmp_path / "a.npy", array)
    mine = npy_head("<f4", shape) + array.tobytes()
    assert (tmp_path / "a.npy").read_bytes() == mine


@pytest.mark.parametrize("change", [
    lambda whole: whole[:-1], lambda whole: whole + b"\0", lambda whole: whole + b"\0" * 4,
    lambda whole: b"", lambda whole: whole[:100], lambda whole: whole[:90] + b"!" + whole[91:],
    lambda whole: b"?" + whole[1:],
], ids=["cut", "a byte more", "a number more", "empty", "no values", "padding", "magic"])  # fmt: skip
def test_an_array_of_another_length_or_beginning_was_changed(written, change):
    folder, told = written
    ref = told[2].arrays["values"]
    path = folder / "arrays" / f"{ref.digest}.npy"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(RecordError, match=f"The array {ref.digest} was changed"):
        load(folder, ref)


# --- cut ---


def test_cut_at_every_byte_nothing_acknowledged_is_lost(tmp_path):
    folder, told = tmp_path, sample_record(tmp_path, 0)
    assert lost_by_cutting(folder, told) == 0


def test_the_check_of_cuts_finds_a_reader_that_drops_the_last_event(tmp_path):
    folder, told = tmp_path, sample_record(tmp_path, 0)
    assert lost_by_cutting(folder, told, lambda path: read_events(path)[:-1]) > 0
    assert lost_by_cutting(folder, told, lambda path: told) > 0


def test_a_cut_record_says_what_is_missing(written):
    folder, told = written
    path = folder / "events.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    record = open_record(folder)
    assert not record.complete
    assert record.events == told[:-1]
    torn, ends = record.missing
    assert f"after event {len(told) - 2}" in torn
    assert "was not closed" in ends
    path.write_bytes(whole[:5])
    assert open_record(folder).events == ()
    assert "before its first event" in open_record(folder).missing[0]
    assert [finding.where for finding in check_record(folder)] == ["end", "end"]


WRITER = """
import sys
from pathlib import Path
import numpy as np
from insonate.events import Source
from insonate.events.documents import PowerSet
from insonate.record import Recorder
recorder = Recorder(Path(sys.argv[1]))
for number in range(10**6):
    values = np.full(100, number, dtype=np.float32)
    event = recorder.append(PowerSet(sonication=1, power_w=float(number)), time_s=float(number),
                            source=Source.CONTROLLER, arrays={"a": (values, "K")})
    print(event.sequence, flush=True)
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.013, 0.05])
def test_killed_at_any_moment_what_was_acknowledged_is_there(tmp_path, delay_s):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "r")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
    acknowledged = int(rest[-1]) if rest else 0
    record = open_record(tmp_path / "r")
    assert len(record.events) >= acknowledged + 1
    assert record.array(record.events[acknowledged].arrays["a"])[0] == acknowledged
    assert not record.complete
    with Recorder(tmp_path / "r") as recorder:  # the lock died with its holder
        assert recorder.set_aside.name == "events.unfinished-1.jsonl"


# --- changed ---


def test_every_change_of_one_bit_is_found(written):
    folder, _ = written
    assert unfound_changes(folder, 300, np.random.default_rng(3)) == 0


def test_every_bit_of_an_array_s_header_counts(written):
    folder, _ = written
    (path,) = (folder / "arrays").iterdir()
    assert all(is_found(folder, path, bit) for bit in range(128 * 8))


def test_the_check_of_changes_finds_a_blind_reader(written, monkeypatch):
    folder, _ = written
    monkeypatch.setattr("insonate.verification.record.check_record", lambda path: [])
    assert unfound_changes(folder, 20, np.random.default_rng(3)) == 20


def changed(folder, number, change):
    path = folder / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines = change(lines, number + 1)
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("change", [
    lambda lines, n: [*lines[:n], lines[n].replace(b'"power_w":0.0', b'"power_w":9.0'), *lines[n + 1:]],
    lambda lines, n: [*lines[:n], lines[n].replace(b":", b": ", 1), *lines[n + 1:]],
    lambda lines, n: [*lines[:n], *lines[n + 1:]],
    lambda lines, n: [*lines[:n], lines[n + 1], lines[n], *lines[n + 2:]],
    lambda lines, n: [*lines[:n], b"[]\n", *lines[n:]],
    lambda lines, n: [*lines[:n], b"\xff\n", *lines[n:]],
])  # fmt: skip
def test_a_changed_removed_moved_or_added_line_is_found_and_located(written, change):
    folder, _ = written
    changed(folder, 2, change)
    with pytest.raises(RecordError, match=r"^event 2: .*changed"):
        open_record(folder)
    assert [finding.where for finding in check_record(folder)] == ["event 2"]


def test_a_changed_and_a_missing_array_are_named(written):
    folder, told = written
    ref = told[2].arrays["values"]
    path = folder / "arrays" / f"{ref.digest}.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(RecordError, match=f"{ref.digest} was changed"):
        open_record(folder).array(ref)
    assert "event 2, array values" in {finding.where for finding in check_record(folder)}
    path.unlink()
    record = open_record(folder)
    assert not record.complete
    assert "event 2, array values" in record.missing[0]
    with pytest.raises(RecordError, match="cannot be read"):
        record.array(ref)


def test_a_reference_of_another_type_is_not_believed(written):
    folder, told = written
    ref = told[2].arrays["values"]
    for wrong in ({"dtype": "<i4"}, {"shape": (1, 7)}, {"dtype": "|O"}):
        with pytest.raises(RecordError, match="changed"):
            load(folder, ref.model_copy(update=wrong))


# --- foreign and old ---


def rewritten(folder, events):
    """Write a record whose chain is right and whose events are not."""
    first = header()
    text, previous = first.text, first.digest
    for content in events:
        line = _link(content, previous)
        text, previous = text + line.text, line.digest
    (folder / "events.jsonl").write_bytes(text)


@pytest.mark.parametrize(("update", "word"), [
    ({"version": 4}, "version 4"), ({"sequence": 7}, "number 7"), ({"source": "nobody"}, "schema"),
    ({"payload": {"kind": "unknown"}}, "schema"),
])  # fmt: skip
def test_events_that_do_not_fit_are_refused_with_their_place(written, update, word):
    folder, told = written
    contents = [event.model_dump(mode="json") for event in told]
    rewritten(folder, contents)
    assert read_events(folder) == told
    contents[1] |= update
    rewritten(folder, contents)
    with pytest.raises(RecordError, match=f"event 1.*{word}"):
        open_record(folder)


def test_a_line_that_is_no_event_is_refused(written):
    folder, _ = written
    rewritten(folder, ["text"])
    with pytest.raises(RecordError, match="event 0"):
        open_record(folder)


def test_no_record_another_version_and_a_foreign_file_are_told_apart(tmp_path):
    with pytest.raises(RecordError, match="There is no record"):
        open_record(tmp_path)
    path = tmp_path / "events.jsonl"
    path.write_text(canonical({"format": "insonate-record", "version": 2}) + "\n")
    with pytest.raises(RecordError, match="version 2; this software reads version 1"):
        open_record(tmp_path)
    path.write_text("hello\n")
    with pytest.raises(RecordError, match="no record of insonate"):
        check_record(tmp_path)


@pytest.mark.parametrize("line", [
    b"{}\n", b'{"event":1}\n', b"[" * 10**5 + b"\n", b"null\n", b"\n", b'{"event":NaN}\n',
])  # fmt: skip
def test_a_line_that_says_nothing_is_a_change_at_its_place_and_nothing_after_it_is_told(
    written, line
):
    folder, told = written
    path = folder / "events.jsonl"
    path.write_bytes(path.read_bytes() + line)
    chain = read_chain(folder)
    assert (chain.events, chain.torn, chain.fault.where) == (told, 0, f"event {len(told)}")
    assert [f.where for f in check_record(folder)] == [f"event {len(told)}"]


def test_numbers_that_are_none_have_no_text():
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            canonical({"value": value})


def test_every_change_of_one_bit_of_the_first_line_is_found_there(written):
    folder, _ = written
    count = len(header().text)
    assert all(is_found(folder, folder / "events.jsonl", bit) for bit in range(count * 8))


@pytest.mark.parametrize(("line", "said"), [
    (b'{"format":"insonate-record","version":0}', "says version 0;"),
    (b'{"format":"insonate-record","version":123}', "says version 123;"),
    (b'{"format":"insonate-record","version":"2"}', "no record of insonate"),
    (b'{"format":"another-record","version":2}', "no record of insonate"),
    (b'{"format": "insonate-record","version":2}', "no record of insonate"),
    (b'[{"format":"insonate-record","version":2}]', "no record of insonate"),
])  # fmt: skip
def test_only_a_header_to_the_last_byte_says_a_version(tmp_path, line, said):
    (tmp_path / "events.jsonl").write_bytes(line + b"\n")
    with pytest.raises(RecordError, match=said):
        open_record(tmp_path)


# --- one writer ---


def test_two_writers_are_impossible(tmp_path):
    with Recorder(tmp_path), pytest.raises(RecordError, match="one writer"):
        Recorder(tmp_path)
    Recorder(tmp_path).close()


def test_a_finished_or_damaged_record_is_never_written_over(written):
    folder, told = written
    before = (folder / "events.jsonl").read_bytes()
    with pytest.raises(RecordError, match="finished record of 6 events"):
        Recorder(folder)
    assert len(told) == 6
    damaged = before.replace(b"bench", b"BENCH", 1)
    (folder / "events.jsonl").write_bytes(damaged)
    with pytest.raises(RecordError, match="damaged record"):
        Recorder(folder)
    assert (folder / "events.jsonl").read_bytes() == damaged
    (folder / "events.jsonl").write_text("foreign\n")
    with pytest.raises(RecordError, match="no record"):
        Recorder(folder)


def test_an_unfinished_record_is_set_aside_and_kept(tmp_path):
    for number in range(3):
        with Recorder(tmp_path) as recorder:
            add(recorder, PowerSet(sonication=number, power_w=0.0))
    assert recorder.set_aside == tmp_path / "events.unfinished-2.jsonl"
    kept = [json.loads(line) for line in recorder.set_aside.read_text().splitlines()]
    assert kept[1]["event"]["payload"]["sonication"] == 1


# --- a disk that fails ---


def full(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_on_a_full_disk_all_before_is_intact_and_nothing_more_is_taken(
    tmp_path, monkeypatch, call
):
    recorder = Recorder(tmp_path)
    first = add(recorder, PowerSet(sonication=1, power_w=1.0))
    monkeypatch.setattr(os, call, full)
    with pytest.raises(RecordError, match="No space left"):
        add(recorder, PowerSet(sonication=1, power_w=2.0))
    monkeypatch.undo()
    with pytest.raises(RecordError, match="takes no more events"):
        add(recorder)
    recorder.close()
    record = open_record(tmp_path)
    assert record.events == (first,)
    assert len(record.missing) == 1


@pytest.mark.parametrize(("error", "word"), [
    (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    (OSError("the cable is loose"), "the cable is loose"),
])  # fmt: skip
def test_what_a_disk_says_is_said_in_its_words(tmp_path, monkeypatch, error, word):
    def broken(*args):
        raise error

    recorder = Recorder(tmp_path)
    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(RecordError) as first:
        add(recorder)
    monkeypatch.undo()
    with pytest.raises(RecordError) as second:
        add(recorder)
    recorder.close()
    assert str(first.value) == (
        f"The record in {tmp_path} cannot be written: {word}. All events before are kept; make room "
        "or choose another folder."
    )
    assert str(second.value) == (
        f"The record takes no more events: writing failed ({word}); what came before is kept."
    )


def test_a_half_written_line_on_a_disk_that_cannot_even_truncate_is_torn(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path)
    first = add(recorder)
    real = os.write

    def half(handle, content):
        if len(content) < 30:
            full()
        return real(handle, content[: len(content) // 2])

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(os, "ftruncate", full)
    with pytest.raises(RecordError):
        add(recorder)
    monkeypatch.undo()
    recorder.close()
    record = open_record(tmp_path)
    assert record.events == (first,)
    assert "was not written to its end" in record.missing[0]


def test_a_short_write_is_continued(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:7]))
    with Recorder(tmp_path) as recorder:
        told = add(recorder)
    assert open_record(tmp_path).events == (told,)


def test_a_failing_array_leaves_no_event(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path)
    monkeypatch.setattr(arrays_module, "write_all", full)
    with pytest.raises(RecordError, match="No space"):
        add(recorder, arrays={"a": (np.zeros(3), "K")})
    monkeypatch.undo()
    recorder.close()
    assert open_record(tmp_path).events == ()


def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        Recorder(tmp_path / "file")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RecordError, match="No space"):
        Recorder(tmp_path / "new")
    monkeypatch.undo()
    Recorder(tmp_path / "new").close()
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *a: full() if "jsonl" in str(path) else real(path, *a)
    )
    with pytest.raises(RecordError, match="No space"):
        Recorder(tmp_path / "third")


def test_closing_on_a_failed_disk_is_told_and_lets_go(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError, match="No space"):
        recorder.close()
    monkeypatch.undo()
    recorder.close()
    with pytest.raises(RecordError, match="closed"):
        add(recorder)
    Recorder(tmp_path).close()


def test_only_what_matters_is_forced_to_the_disk_one_by_one(tmp_path, monkeypatch):
    calls, real = [], os.fsync
    recorder = Recorder(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda handle: calls.append(handle) or real(handle))
    water = CoolingReading(water_degc=16.0, flow_l_per_min=3.0, dissolved_oxygen_ppm=1.0)
    add(recorder, water, arrays={"a": (np.zeros(2), "K")})
    assert calls == []
    add(recorder, PowerSet(sonication=1, power_w=0.0))
    assert len(calls) == 1
    add(recorder, PowerSet(sonication=1, power_w=0.0), arrays={"a": (np.ones(2), "K")})
    assert len(calls) == 4  # array, its folder, the line
    add(recorder, PowerSet(sonication=1, power_w=0.0), arrays={"a": (np.ones(2), "K")})
    assert len(calls) == 5  # the array is there already
    recorder.close()


def test_a_new_record_its_header_and_its_name_are_on_the_disk_before_any_event(
    tmp_path, monkeypatch
):
    forced, real = [], os.fsync

    def watched(handle):
        forced.append(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    recorder = Recorder(tmp_path)
    assert forced == [(tmp_path / "events.jsonl").stat().st_ino, tmp_path.stat().st_ino]
    forced.clear()
    recorder.close()
    assert forced == [(tmp_path / "events.jsonl").stat().st_ino]


def handles():
    """Return the files that this process holds open."""
    links = Path("/proc/self/fd").iterdir()
    return sorted(str(link.readlink()) for link in links if link.exists())


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="no such list of open files here"
)
def test_no_file_is_left_open_however_it_ends(tmp_path, monkeypatch):
    before = handles()
    with Recorder(tmp_path / "deep" / "er") as recorder:
        add(recorder, arrays={"a": (np.ones(2), "K")})
        assert len(handles()) == len(before) + 2
    assert handles() == before
    for call in ("write", "fsync"):
        monkeypatch.setattr(os, call, full)
        with pytest.raises(RecordError):
            Recorder(tmp_path / call)
        monkeypatch.undo()
        assert handles() == before
    with Recorder(tmp_path / "one"), pytest.raises(RecordError):
        Recorder(tmp_path / "one")
    with pytest.raises(RecordError, match="finished"):
        Recorder(sample_record(tmp_path / "two") and tmp_path / "two")
    assert handles() == before


def test_an_event_holds_all_that_was_said_of_it(tmp_path):
    wall = datetime(2026, 1, 2, tzinfo=UTC)
    with Recorder(tmp_path, wall=lambda: wall) as recorder:
        add(recorder)
        told = add(recorder, time_s=2.5, source=Source.SCANNER, cause=0, reason="so it is")
    (_, again) = open_record(tmp_path).events
    assert again == told
    assert (told.sequence, told.time_s, told.wall, told.source, told.cause, told.reason) == (
        1, 2.5, wall, Source.SCANNER, 0, "so it is")  # fmt: skip


def test_where_folders_cannot_be_opened_the_names_are_left_to_the_system(tmp_path, monkeypatch):
    def forbidden(*args):
        raise PermissionError

    monkeypatch.setattr(os, "open", forbidden)
    assert arrays_module.sync_folder(tmp_path) is None


def test_whoever_listens_is_told_of_each_event_once_it_is_kept_and_of_nothing_else(
    tmp_path, monkeypatch
):
    heard = []

    def hear(event, arrays):
        heard.append((event, {name: (a.tolist(), u) for name, (a, u) in arrays.items()}))
        assert open_record(tmp_path).events[-1] == event

    recorder = Recorder(tmp_path, told=hear)
    first = add(recorder)
    second = add(recorder, arrays={"a": (np.ones(2), "K")})
    assert heard == [(first, {}), (second, {"a": ([1.0, 1.0], "K")})]
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError):
        add(recorder, PowerSet(sonication=1, power_w=1.0))
    monkeypatch.undo()
    recorder.close()
    assert len(heard) == 2


def test_only_readings_that_come_again_and_again_wait_for_the_disk():
    assert {
        "clock_tick", "cooling_reading", "cavitation_reading", "model_estimate", "array_reading",
        "motion_reading", "operator_present", "focus_estimate",
    } == RELAXED  # fmt: skip


def test_files_of_a_record_can_be_read_by_others_and_run_by_nobody(written):
    folder, _ = written
    mask = os.umask(0)
    os.umask(mask)
    for path in (folder / "events.jsonl", folder / ".lock", *(folder / "arrays").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o644 & ~mask


def test_events_of_two_threads_stand_one_after_the_other(tmp_path):
    with Recorder(tmp_path) as recorder:

        def write(_):
            for _ in range(20):
                add(recorder)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
    assert [e.sequence for e in open_record(tmp_path).events] == list(range(80))


# --- what is not taken ---


def test_wrong_causes_values_and_arrays_are_refused_and_the_record_goes_on(tmp_path):
    with Recorder(tmp_path) as recorder:
        add(recorder)
        with pytest.raises(RecordError, match="only an earlier event"):
            add(recorder, cause=1)
        with pytest.raises(RecordError, match="time_s"):
            add(recorder, time_s=-1.0)
        with pytest.raises(RecordError, match="time_s"):
            add(recorder, time_s=float("nan"))
        with pytest.raises(RecordError, match="numbers only"):
            add(recorder, arrays={"a": (np.array(["x"]), "K")})
        add(recorder, cause=0)
    assert len(open_record(tmp_path).events) == 2


@pytest.mark.parametrize("case", ["Doe, John", "john.nii.gz", "/data/ct", "", "a" * 65, "Ä"])
def test_a_case_is_a_pseudonym(tmp_path, case):
    with Recorder(tmp_path) as recorder:
        with pytest.raises(RecordError, match="pseudonym"):
            add(recorder, OPENED.model_copy(update={"case": case}))
        add(recorder, OPENED.model_copy(update={"case": pseudonym(case)}))
    assert case == "" or case not in (tmp_path / "events.jsonl").read_text()
    assert pseudonym("a") != pseudonym("b")


def test_a_record_of_the_same_patient_is_found_beside_another_where_there_is_one(tmp_path):
    assert record_beside(tmp_path / "record") is None
    (tmp_path / "beside" / "record").mkdir(parents=True)
    assert record_beside(tmp_path / "record") is None
    sample_record(tmp_path / "beside" / "record")
    assert record_beside(tmp_path / "record") == tmp_path / "beside" / "record"


# --- what a replay needs ---


def test_observations_come_with_the_decisions_that_name_them(tmp_path):
    change = StateChanged(before="planned", after="positioned", trigger="position")
    ask = OperatorCommand(verb="position", who="test")
    end = SessionClosed(outcome="no lesion", sentence="s", limits_kept={}, limits_worst={})
    with Recorder(tmp_path) as recorder:
        add(recorder, OPENED)
        asked = add(recorder, ask)
        tick = add(recorder)
        add(recorder, change, cause=asked.sequence)
        add(recorder, PowerSet(sonication=1, power_w=0.0), cause=asked.sequence)
        add(recorder, end, cause=tick.sequence)
        add(recorder, change)
    record = open_record(tmp_path)
    assert list(observations(record)) == [asked, tick]
    pairs = list(decisions_after(record))
    assert pairs == [(asked, (change, PowerSet(sonication=1, power_w=0.0))), (tick, ())]


def test_the_digest_is_that_of_the_array(written):
    _, told = written
    ref = told[2].arrays["values"]
    assert isinstance(ref, ArrayRef)
    assert ref.digest == digest(np.linspace(0.0, 1.0, 7, dtype=np.float32))


def test_all_checks_of_the_area_pass(monkeypatch):
    for tested_above in ("unfound_changes", "lost_by_cutting"):
        monkeypatch.setattr(f"insonate.verification.record.{tested_above}", lambda *args: 0)
    assert all(check.passed for check in checks())


def test_a_copied_folder_is_the_same_record(written, tmp_path):
    folder, told = written
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert open_record(tmp_path / "elsewhere").events == told
    other = tmp_path / "again"
    assert [e.payload for e in sample_record(other)] == [e.payload for e in told]


def test_the_format_is_written_down_byte_by_byte():
    assert header().text == b'{"format":"insonate-record","version":1}\n'
    text = _link({"b": 0.1, "a": "°"}, "00").text.decode()
    digest_of = hashlib.sha256('00{"a":"°","b":0.1}'.encode()).hexdigest()
    assert text == f'{{"digest":"{digest_of}","event":{{"a":"°","b":0.1}},"previous":"00"}}\n'
