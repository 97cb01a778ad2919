"""Live thermometry: MRD images or raw lines in, temperature maps out, also as OpenIGTLink."""

from insonate.streams.client import MrdClient
from insonate.streams.server import MrdServer, ServerOptions
from insonate.thermometry.order import Note, NoteKind

__all__ = ["MrdClient", "MrdServer", "Note", "NoteKind", "ServerOptions"]
