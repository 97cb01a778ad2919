"""The registry's report in a window: read, never written, and not while a treatment runs."""

import asyncio

from fastapi import FastAPI, HTTPException, Request, Response

from insonate.console.desk import Desk
from insonate.console.security import REPORT_POLICY
from insonate.core import SettingsError


def registry_report(address: str) -> str:
    """Return the report of a registry as one HTML page.

    Raises
    ------
    SettingsError
        When the registry cannot be read, holds nobody, or its extra is not installed.
    """
    try:
        from insonate.outcomes.registry import open_registry  # noqa: PLC0415 - an extra
        from insonate.outcomes.reporting import render_registry  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            f"The registry needs the package {error.name}; install insonate[outcomes]."
        ) from error
    registry = open_registry(address, who="console")
    try:
        return render_registry(registry)
    finally:
        registry.engine.dispose()


def add_registry(app: FastAPI) -> None:
    """Add the one page to the interface."""
    answers = {
        404: {"description": "The server was started without a registry."},
        409: {"description": "A treatment runs, or the registry cannot be read."},
    }
    one_at_a_time = asyncio.Lock()

    @app.get("/api/registry", responses=answers)  # type: ignore[arg-type]
    async def registry(request: Request) -> Response:
        """Return the report of the registry, the same as the command line's."""
        desk: Desk = request.app.state.desk
        if not desk.registry:
            raise HTTPException(404, "The server was started without --registry.")
        if desk.treating:
            raise HTTPException(
                409, "A treatment runs; the registry is read before or after it."
            )
        async with one_at_a_time:
            text = await asyncio.to_thread(registry_report, desk.registry)
        policy = {"content-security-policy": REPORT_POLICY}
        return Response(text, media_type="text/html", headers=policy)
