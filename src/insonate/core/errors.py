"""The errors of insonate, one tree.

InsonateError
├── InputError            what was given cannot be used; the command line exits with 2
│   ├── ImageError        an image that is not what it should be
│   ├── GeometryError     frames, transforms and grids that do not fit together
│   ├── SettingsError     an option outside its allowed range
│   ├── PlanError         a plan with faults: all of them, told at once
│   ├── DataError         studies or patients' data with faults: all of them, told at once
│   └── RecordError       a record that is damaged, foreign, or in the way
├── RefusedError          the controller refuses a command in this state; the state is unchanged
└── CheckFailedError      a check did not reach its limit; the command line exits with 1

Every message is one or more whole sentences: what was found, what is allowed, what to do.
"""

from collections.abc import Sequence


class InsonateError(Exception):
    """Root of every error that insonate raises on purpose."""


class InputError(InsonateError):
    """What was given cannot be used."""


class ImageError(InputError):
    """An image that is not what it should be."""


class GeometryError(InputError):
    """Frames, transforms or grids that do not fit together."""


class SettingsError(InputError):
    """An option outside its allowed range."""


class PlanError(InputError):
    """A plan with faults; all of them are told at once.

    Parameters
    ----------
    faults
        One sentence for each fault.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(self.faults))


class DataError(InputError):
    """Studies or patients' data with faults; all of them are told at once.

    Parameters
    ----------
    faults
        One sentence for each fault.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(self.faults))


class RecordError(InputError):
    """A record that is damaged, foreign, or in the way."""


class RefusedError(InsonateError):
    """The controller refuses a command in this state; the state is unchanged."""


class CheckFailedError(InsonateError):
    """A check did not reach its limit."""
