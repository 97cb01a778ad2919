"""MRD on the wire: the messages of a session, read with every length checked before it is believed.

Layouts are those of the ISMRM raw data format, version 1 (Inati et al., Magn. Reson. Med. 77:411,
2017; the streaming protocol of its documentation): a message is a 16-bit number and what belongs to
it, everything little-endian. Written here because a server needs bounds on what a client claims,
and reading it needs no more than three layouts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from insonate.core import ImageError

LONGEST_TEXT = 1 << 20
LARGEST_IMAGE = 1 << 28
"""Bytes; a header that claims more is garbage."""


class MessageId(IntEnum):
    """The messages that are understood."""

    CONFIG_FILE = 1
    CONFIG_TEXT = 2
    HEADER = 3
    CLOSE = 4
    TEXT = 5
    ACQUISITION = 1008
    IMAGE = 1022


IMAGE_HEADER = np.dtype(
    [
        ("version", "<u2"), ("data_type", "<u2"), ("flags", "<u8"), ("measurement_uid", "<u4"),
        ("matrix_size", "<u2", 3), ("field_of_view", "<f4", 3), ("channels", "<u2"),
        ("position", "<f4", 3), ("read_dir", "<f4", 3), ("phase_dir", "<f4", 3),
        ("slice_dir", "<f4", 3), ("patient_table_position", "<f4", 3), ("average", "<u2"),
        ("slice", "<u2"), ("contrast", "<u2"), ("phase", "<u2"), ("repetition", "<u2"),
        ("set", "<u2"), ("acquisition_time_stamp", "<u4"), ("physiology_time_stamp", "<u4", 3),
        ("image_type", "<u2"), ("image_index", "<u2"), ("image_series_index", "<u2"),
        ("user_int", "<i4", 8), ("user_float", "<f4", 8), ("attribute_string_len", "<u4"),
    ]
)  # fmt: skip
ACQUISITION_HEADER = np.dtype(
    [
        ("version", "<u2"), ("flags", "<u8"), ("measurement_uid", "<u4"), ("scan_counter", "<u4"),
        ("acquisition_time_stamp", "<u4"), ("physiology_time_stamp", "<u4", 3),
        ("number_of_samples", "<u2"), ("available_channels", "<u2"), ("active_channels", "<u2"),
        ("channel_mask", "<u8", 16), ("discard_pre", "<u2"), ("discard_post", "<u2"),
        ("center_sample", "<u2"), ("encoding_space_ref", "<u2"), ("trajectory_dimensions", "<u2"),
        ("sample_time_us", "<f4"), ("position", "<f4", 3), ("read_dir", "<f4", 3),
        ("phase_dir", "<f4", 3), ("slice_dir", "<f4", 3), ("patient_table_position", "<f4", 3),
        ("kspace_encode_step_1", "<u2"), ("kspace_encode_step_2", "<u2"), ("average", "<u2"),
        ("slice", "<u2"), ("contrast", "<u2"), ("phase", "<u2"), ("repetition", "<u2"),
        ("set", "<u2"), ("segment", "<u2"), ("user", "<u2", 8), ("user_int", "<i4", 8),
        ("user_float", "<f4", 8),
    ]
)  # fmt: skip
DATA_TYPES = {1: "<u2", 2: "<i2", 3: "<u4", 4: "<i4", 5: "<f4", 6: "<f8", 7: "<c8", 8: "<c16"}
TICK_S = 2.5e-3
"""Of acquisition time stamps, as most converters write them."""
NOISE_FLAG = 1 << 18
NOT_IMAGING = (1 << 18) | (1 << 19) | (1 << 22) | (1 << 23) | (1 << 26)
"""Noise, calibration, navigator, phase correction and dummy lines are no image."""

ReadExactly = Callable[[int], bytes]


WINDOW_NAME = "insonate_window_s"
"""Attribute of an image: when its acquisition began and ended, s. A header's own time stamp knows
the end alone, to 2.5 ms."""


@dataclass(frozen=True, eq=False)
class MrdImage:
    """One image: its header, its voxels (channels, z, y, x), and its attributes (XML)."""

    header: NDArray[np.void]
    voxels: NDArray[np.generic]
    attributes: str = ""


@dataclass(frozen=True, eq=False)
class MrdLine:
    """One line of k-space: its header, and its samples (channels, samples)."""

    header: NDArray[np.void]
    samples: NDArray[np.complex64]


Message = MrdImage | MrdLine | str | None
"""What a message holds: None for a close."""


def read_message(read: ReadExactly) -> tuple[MessageId, Message]:
    """Read the next message.

    Parameters
    ----------
    read
        Returns exactly so many bytes, or raises.

    Raises
    ------
    ImageError
        When what comes is no message, or claims impossible sizes. The stream is then out of step
        and must be given up.
    """
    number = int.from_bytes(read(2), "little")
    if number not in [m.value for m in MessageId]:
        raise ImageError(
            f"The stream holds a message of kind {number}, which MRD servers of images and raw "
            "lines do not know; it is out of step or no MRD."
        )
    match kind := MessageId(number):
        case MessageId.CLOSE:
            return kind, None
        case MessageId.CONFIG_FILE:
            return kind, read(1024).split(b"\0")[0].decode("utf-8", "replace")
        case MessageId.IMAGE:
            return kind, _image(read)
        case MessageId.ACQUISITION:
            return kind, _line(read)
    return kind, _text(read)


def _text(read: ReadExactly) -> str:
    length = int.from_bytes(read(4), "little")
    if length > LONGEST_TEXT:
        raise ImageError(
            f"A text of {length} bytes is announced; at most {LONGEST_TEXT} are taken."
        )
    return read(length).decode("utf-8", "replace").rstrip("\0")


def _image(read: ReadExactly) -> MrdImage:
    header = np.frombuffer(read(IMAGE_HEADER.itemsize), IMAGE_HEADER)[0]
    attributes = int.from_bytes(read(8), "little")
    kind = DATA_TYPES.get(int(header["data_type"]))
    shape = (int(header["channels"]), *(int(n) for n in header["matrix_size"][::-1]))
    count = int(np.prod(shape))
    size = count * np.dtype(kind or "<c8").itemsize
    if kind is None or attributes > LONGEST_TEXT or not 0 < size <= LARGEST_IMAGE:
        raise ImageError(
            f"An image of data type {int(header['data_type'])} with shape {shape} and "
            f"{attributes} bytes of attributes is announced; types are 1-8, sizes up to "
            f"{LARGEST_IMAGE} bytes."
        )
    text = read(attributes).decode("utf-8", "replace")
    return MrdImage(header, np.frombuffer(read(size), kind).reshape(shape), text)


def _line(read: ReadExactly) -> MrdLine:
    header = np.frombuffer(read(ACQUISITION_HEADER.itemsize), ACQUISITION_HEADER)[0]
    samples, channels = int(header["number_of_samples"]), int(header["active_channels"])
    dimensions = int(header["trajectory_dimensions"])
    if not (samples > 0 and 0 < channels <= 128 and dimensions <= 3):
        raise ImageError(
            f"A line of {samples} samples in {channels} channels with a trajectory of "
            f"{dimensions} dimensions is announced; that is none."
        )
    read(4 * samples * dimensions)
    data = np.frombuffer(read(8 * samples * channels), "<c8").reshape(channels, samples)
    return MrdLine(header, data)


def image_bytes(
    header: NDArray[np.void], voxels: NDArray[np.generic], attributes: str = ""
) -> bytes:
    """Return an image as a message: header, attributes (XML), voxels (channels, z, y, x)."""
    text = attributes.encode()
    sealed = header.copy()
    sealed["attribute_string_len"] = len(text)
    parts = (int(MessageId.IMAGE).to_bytes(2, "little"), sealed.tobytes(),
             len(text).to_bytes(8, "little"), text, np.ascontiguousarray(voxels).tobytes())  # fmt: skip
    return b"".join(parts)


def meta_xml(values: dict[str, str]) -> str:
    """Return attributes by name, plain words, as the XML that images carry."""
    entries = "".join(
        f"<meta><name>{name}</name><value>{value}</value></meta>"
        for name, value in values.items()
    )
    return f"<ismrmrdMeta>{entries}</ismrmrdMeta>"


def line_bytes(header: NDArray[np.void], samples: NDArray[np.complex64]) -> bytes:
    """Return a line of k-space, (channels, samples), as a message."""
    number = int(MessageId.ACQUISITION).to_bytes(2, "little")
    return number + header.tobytes() + np.ascontiguousarray(samples, "<c8").tobytes()


def text_bytes(kind: MessageId, text: str) -> bytes:
    """Return a text, header or configuration as a message."""
    content = text.encode()
    number = int(kind).to_bytes(2, "little")
    if kind is MessageId.CONFIG_FILE:
        return number + content[:1023].ljust(1024, b"\0")
    return number + len(content).to_bytes(4, "little") + content


def close_bytes() -> bytes:
    """Return the message that ends a session."""
    return int(MessageId.CLOSE).to_bytes(2, "little")
