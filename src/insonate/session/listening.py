"""Live thermometry: a stream in, lines, maps and OpenIGTLink out, until it is interrupted."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from insonate.session.thermometry import Maps
from insonate.streams import MrdServer, Note, ServerOptions
from insonate.streams.igtl import IgtlSender
from insonate.thermometry import Protocol
from insonate.thermometry.port import Said
from insonate.thermometry.series import SeriesOptions


@dataclass(frozen=True)
class Listening:
    """Where a live session listens and sends.

    Parameters
    ----------
    server
        The MRD server.
    igtl_port
        Where 3D Slicer may connect, or None.
    """

    server: ServerOptions
    igtl_port: int | None = None


def listen(
    protocol: Protocol,
    options: SeriesOptions,
    where: Listening,
    out: Path,
    *,
    show: Callable[[str], None],
    until: threading.Event,
) -> tuple[Path, ...]:
    """Serve until ``until`` is set or it is interrupted; write what was measured then.

    Parameters
    ----------
    protocol, options
        The header, and how each slice is followed.
    where
        Where to listen and send.
    out
        The folder for maps and curves.
    show
        Called with each sentence: a frame, or a note about the stream.
    until
        Ends it.

    Returns
    -------
    tuple of Path
        What was written; nothing where no frame came.
    """
    affine = np.diag(
        [protocol.pixel_m, protocol.pixel_m, protocol.slice_thickness_m, 1.0]
    )  # the place of a stream's slice is its client's to say
    maps = Maps(out, affine)
    with ExitStack() as stack:
        sender = None
        if where.igtl_port is not None:
            sender = stack.enter_context(IgtlSender(where.server.host, where.igtl_port))
            show(f"OpenIGTLink on {where.server.host}:{sender.port}")

        def hear(said: Said) -> None:
            if isinstance(said, Note):
                show(f"{said.kind}: {said.sentence}")
                return
            show(maps.add(said.stamp.slice, said.reading).sentence)
            if sender is not None:
                sender.send(said.reading, affine)

        server = stack.enter_context(MrdServer(protocol, options, where.server, hear))
        show(f"MRD server on {where.server.host}:{server.port}")
        with suppress(KeyboardInterrupt):  # the usual end: what was measured is written
            until.wait()
    return maps.write(protocol) if maps.lines else ()
