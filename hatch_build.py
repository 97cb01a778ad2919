"""The build hook: every wheel carries the console's built page, or the build fails."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_spec = importlib.util.spec_from_file_location(
    "build_page", Path(__file__).parent / "scripts" / "build_page.py"
)
if _spec is None or _spec.loader is None:
    raise RuntimeError("scripts/build_page.py is missing; get the sources anew.")
page = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(page)


class PageHook(BuildHookInterface):  # type: ignore[misc, type-arg]
    """Builds the page before anything is packed."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return Node.js from PyPI where there is no npm and the page is not built."""
        return [] if page.is_built() or shutil.which("npm") else [page.NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page."""
        del version, build_data
        page.build()
