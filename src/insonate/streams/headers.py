"""The XML header of an MRD session against the protocol that the operator gave.

The coefficient, the sign of the phase and the frame time are not in MRD's header, so that the
protocol is given to the server; what the header does say must not contradict it.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from insonate.core import ImageError
from insonate.core.units import PROTON_GYROMAGNETIC_RATIO_HZ_PER_T
from insonate.thermometry import Protocol

_TOLERANCE = 0.02
"""Vendors round: 123.25 MHz is called 3 T."""


def contradictions(xml: str, protocol: Protocol) -> tuple[str, ...]:
    """Return what in a session's header is not as the protocol says, as sentences.

    Raises
    ------
    ImageError
        When it is no XML, or one with a document type (which could make it grow without bounds).
    """
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise ImageError("The MRD header has a document type; it must be plain XML.")
    try:
        root = ET.fromstring(xml)  # noqa: S314 - no document type, at most 1 MiB
    except ET.ParseError as error:
        raise ImageError(f"The MRD header is no XML: {error}.") from error
    return tuple(
        f"The MRD header's {name} is {found:g}, the protocol '{protocol.name}' has {wanted:g}."
        for name, found, wanted, scale in _pairs(root, protocol)
        if abs(found * scale - wanted) > _TOLERANCE * abs(wanted)
    )


def _pairs(root: ET.Element, protocol: Protocol) -> Iterator[tuple[str, float, float, float]]:
    """Yield what is named in both: name, value found, value wanted, factor to the wanted unit."""
    hertz = protocol.field_strength_t * PROTON_GYROMAGNETIC_RATIO_HZ_PER_T
    nx, ny = protocol.matrix
    wanted = (
        ("H1resonanceFrequency_Hz", hertz, 1.0),
        ("TE", protocol.echo_time_s, 1e-3),
        ("TR", protocol.repetition_time_s, 1e-3),
        ("receiverChannels", float(protocol.coils), 1.0),
        ("reconSpace/matrixSize/x", float(nx), 1.0),
        ("reconSpace/matrixSize/y", float(ny), 1.0),
        ("reconSpace/fieldOfView_mm/x", nx * protocol.pixel_m, 1e-3),
        ("reconSpace/fieldOfView_mm/z", protocol.slice_thickness_m, 1e-3),
    )
    for name, value, scale in wanted:
        found = _number(root, name)
        if found is not None:
            yield name, found, value, scale


def _number(root: ET.Element, path: str) -> float | None:
    """Return the first number at a path, whatever the namespace; None where there is none."""
    elements = [root]
    for name in path.split("/"):
        elements = [e for parent in elements for e in parent.iter() if _plain(e.tag) == name]
    text = (elements[0].text or "").strip() if elements else ""
    return (
        float(text) if re.fullmatch(r"[-+0-9.eE]{1,30}", text) and text[-1].isdigit() else None
    )


def _plain(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def header_xml(protocol: Protocol) -> str:
    """Return the header that a session of a protocol begins with."""
    nx, ny = protocol.matrix
    space = (
        f"<matrixSize><x>{nx}</x><y>{ny}</y><z>1</z></matrixSize><fieldOfView_mm>"
        f"<x>{nx * protocol.pixel_m * 1e3:.6g}</x><y>{ny * protocol.pixel_m * 1e3:.6g}</y>"
        f"<z>{protocol.slice_thickness_m * 1e3:.6g}</z></fieldOfView_mm>"
    )
    limit = (
        f"<kspace_encoding_step_1><minimum>0</minimum><maximum>{ny - 1}</maximum>"
        f"<center>{ny // 2}</center></kspace_encoding_step_1>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">'
        "<acquisitionSystemInformation><systemFieldStrength_T>"
        f"{protocol.field_strength_t:.6g}</systemFieldStrength_T><receiverChannels>"
        f"{protocol.coils}</receiverChannels></acquisitionSystemInformation>"
        "<experimentalConditions><H1resonanceFrequency_Hz>"
        f"{round(protocol.larmor_hz)}</H1resonanceFrequency_Hz></experimentalConditions>"
        f"<encoding><encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace>"
        f"<encodingLimits>{limit}</encodingLimits><trajectory>cartesian</trajectory></encoding>"
        f"<sequenceParameters><TR>{protocol.repetition_time_s * 1e3:.6g}</TR>"
        f"<TE>{protocol.echo_time_s * 1e3:.6g}</TE></sequenceParameters></ismrmrdHeader>"
    )
