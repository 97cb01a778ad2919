"""The interface: pages, pictures, and everything that a window may ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from insonate.console import models as m
from insonate.console import uploads
from insonate.console.desk import VERSION, Desk
from insonate.console.registry import add_registry
from insonate.console.replaying import Replay, replay_of
from insonate.console.security import LARGEST_UPLOAD, REPORT_POLICY
from insonate.console.sockets import MOST_SOCKETS, Window
from insonate.core import InsonateError
from insonate.core.provenance import DISCLAIMER
from insonate.events.documents import OperatorCommand, PatientReport
from insonate.head.mappings import MAPPINGS
from insonate.plan.targets import TARGET_NAMES
from insonate.plant import SCENARIOS
from insonate.session import PlanSettings

VolumeName = Literal["ct", "mr", "labels", "nopass", "field", "temperature"]
Seat = Annotated[str, Header(alias="x-insonate-seat", max_length=64)]
_REFUSED: dict[int | str, dict[str, Any]] = {
    403: {"description": "The window may not operate, or has not the operator's seat."},
    409: {"description": "It does not fit what is going on; the sentence says why."},
}


def make_app(desk: Desk, page: Path) -> FastAPI:
    """Return the application of a desk, with the built page at its root.

    Parameters
    ----------
    desk
        What the server knows.
    page
        Folder of the built page.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        desk.start()
        yield
        desk.leave()

    app = FastAPI(
        title="insonate console",
        version=VERSION,
        description=DISCLAIMER,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
    )
    app.add_exception_handler(InsonateError, _as_conflict)
    app.add_exception_handler(RequestValidationError, _as_faults)
    app.state.desk = desk
    for add in (_looking, _seating, _preparing, _treating, _reporting, add_registry):
        add(app)
    _socket(app)
    app.mount("/", StaticFiles(directory=page, html=True), name="page")
    return app


async def _as_conflict(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse({"detail": str(error)}, status_code=409)


async def _as_faults(request: Request, error: Exception) -> Response:
    """Say what was wrong and where; what was sent is not repeated (NaN is no JSON)."""
    del request
    faults = error.errors() if isinstance(error, RequestValidationError) else ()
    told = [
        {"loc": [str(part) for part in f["loc"]], "msg": f["msg"], "type": f["type"]}
        for f in faults
    ]
    return JSONResponse({"detail": told}, status_code=422)


# --- who asks ---


def the_desk(request: Request) -> Desk:
    """Return the desk."""
    desk: Desk = request.app.state.desk
    return desk


def role_of(request: Request) -> str:
    """Return whether the window may operate or only looks."""
    return str(request.scope.get("state", {}).get("role", "observe"))


def operating(
    desk: Annotated[Desk, Depends(the_desk)],
    role: Annotated[str, Depends(role_of)],
    seat: Seat = "",
) -> Desk:
    """Return the desk to who has the operator's seat; refuse everybody else."""
    if role != "operate":
        raise HTTPException(403, "This window only looks; open the operator's address.")
    if not desk.seat.holds(seat):
        raise HTTPException(403, "Another window operates; ask to take over first.")
    return desk


def idle(desk: Annotated[Desk, Depends(operating)]) -> Desk:
    """Return the desk to the operator while nothing is computed and no treatment runs."""
    if desk.busy is not None:
        raise HTTPException(409, "Something is being computed; wait for it, or cancel it.")
    if desk.treating:
        raise HTTPException(409, "A treatment runs; finish it first.")
    return desk


def treating(desk: Annotated[Desk, Depends(operating)]) -> Desk:
    """Return the desk to the operator while a treatment runs."""
    if not desk.treating:
        raise HTTPException(409, "No treatment runs.")
    return desk


Looking = Annotated[Desk, Depends(the_desk)]
Operating = Annotated[Desk, Depends(operating)]
Idle = Annotated[Desk, Depends(idle)]
Treating = Annotated[Desk, Depends(treating)]
Role = Annotated[str, Depends(role_of)]


# --- looking ---


def _looking(app: FastAPI) -> None:
    @app.get("/api/view")
    async def view(desk: Looking, role: Role) -> m.View:
        """Return what a window shows."""
        return desk.view(role)

    @app.get("/api/status")
    async def status(desk: Looking) -> m.Status | None:
        """Return the controller as it stands; null where nothing runs."""
        return None if desk.facts.run is None else desk.facts.run.status

    @app.get("/api/volumes/{name}", responses={404: {"description": "Not there yet."}})
    async def volume(desk: Looking, name: VolumeName) -> Response:
        """Return a volume as NIfTI."""
        path = desk.folder / "volumes" / f"{name}.nii"
        if name not in desk.volumes or not path.is_file():
            raise HTTPException(404, f"There is no volume '{name}' yet.")
        return FileResponse(path, media_type="application/octet-stream")

    @app.get("/api/elements")
    async def elements(desk: Looking) -> dict[str, list[float]]:
        """Return the array's elements as planned: position mm, state, SDR, angle °."""
        return desk.elements

    @app.get("/api/curves")
    async def curves(desk: Looking) -> dict[str, list[list[float]]]:
        """Return the curves of the treatment: [s, value]."""
        return {name: [list(p) for p in curve] for name, curve in desk.curves.all().items()}


# --- the operator's seat ---


def _seating(app: FastAPI) -> None:
    @app.post("/api/seat", responses=_REFUSED, status_code=202)
    async def take(desk: Looking, role: Role, wish: m.TakeSeat) -> m.Seat:
        """Take the seat where it is free; otherwise ask for it, and hold the key ready."""
        if role != "operate":
            raise HTTPException(403, "This window only looks; open the operator's address.")
        key, _ = desk.seat.ask(wish.name)
        desk.changed()
        return m.Seat(seat=key, name=wish.name)

    @app.post("/api/seat/answer", responses=_REFUSED)
    async def answer(desk: Operating, wish: m.Answer) -> m.Done:
        """Give the seat to who asks for it, or keep it."""
        if not desk.seat.answer(give=wish.give):
            raise HTTPException(409, "Nobody asks for the seat.")
        desk.changed()
        return m.Done(sentence="The seat was given." if wish.give else "The seat was kept.")

    @app.post("/api/seat/beat", responses=_REFUSED)
    async def beat(desk: Operating, seat: Seat = "") -> m.Done:
        """Give a sign of presence."""
        desk.beat(seat)
        return m.Done(sentence="Present.")


# --- preparing ---


def _preparing(app: FastAPI) -> None:
    _images(app)

    @app.post("/api/landmarks", responses=_REFUSED, status_code=202)
    async def landmarks(desk: Idle, wish: m.PlaceLandmarks) -> m.Done:
        """Put the commissures by hand."""
        _need(desk.facts.head is not None and desk.facts.head.ready, "Open a head first.")
        desk.begin("landmarks", "landmarks", (wish.ac_mm, wish.pc_mm))
        return m.Done(sentence="The commissures are being moved.")

    @app.post("/api/target", responses=_REFUSED, status_code=202)
    async def target(desk: Idle, wish: m.PlaceTarget) -> m.Done:
        """Aim at a named target or at a point."""
        _need(desk.facts.head is not None and desk.facts.head.ready, "Open a head first.")
        if (wish.name is None) == (wish.point_mm is None):
            raise HTTPException(409, "Give either a name or a point.")
        if wish.name is not None and wish.name not in TARGET_NAMES:
            raise HTTPException(
                409, f"There is no such target; there are {', '.join(TARGET_NAMES)}."
            )
        desk.begin("target", "target", (wish.name, wish.point_mm))
        return m.Done(sentence="The target is being looked at.")

    @app.post("/api/plan", responses=_REFUSED, status_code=202)
    async def plan(desk: Idle, wish: m.MakePlan) -> m.Done:
        """Make the plan."""
        _need("target" in desk.facts.approved, "Approve the target first.")
        desk.begin("plan", "plan", wish.engine)
        return m.Done(sentence="The plan is being made.")

    @app.post("/api/approve/{step}", responses=_REFUSED)
    async def approve(desk: Idle, step: Literal["images", "head", "target", "plan"]) -> m.Done:
        """Approve a step that is complete."""
        facts, before = desk.facts, {"head": "images", "target": "head", "plan": "target"}
        there = {
            "images": facts.head is not None and facts.head.ready,
            "head": facts.head is not None and facts.head.ready,
            "target": facts.target is not None and not facts.target.faults,
            "plan": facts.plan is not None,
        }
        _need(there[step], "There is nothing to approve yet.")
        _need(
            before.get(step, step) in facts.approved or step == "images",
            "Approve the step before first.",
        )
        desk.approve(step)
        return m.Done(sentence="Approved.")

    @app.post("/api/cancel", responses=_REFUSED, status_code=202)
    async def cancel(desk: Operating) -> m.Done:
        """Cancel what is being computed; a treatment is stopped instead."""
        _need(desk.busy is not None, "Nothing is being computed.")
        _need(not desk.treating, "A treatment runs; stop it instead.")
        desk.cancel()
        return m.Done(sentence="It is being cancelled.")


def _images(app: FastAPI) -> None:
    @app.post("/api/open", responses=_REFUSED, status_code=202)
    async def open_head(desk: Idle, wish: m.OpenHead) -> m.Done:
        """Open a head: read it, register it, build its model."""
        if wish.mapping not in MAPPINGS:
            raise HTTPException(
                409, f"There is no such mapping; there are {', '.join(MAPPINGS)}."
            )
        source = desk.source(wish.what)
        if source is None:
            raise HTTPException(409, "There is no such head; upload a CT first.")
        settings = PlanSettings(frequency_hz=1e3 * wish.frequency_khz, mapping=wish.mapping)
        desk.open(source, settings)
        return m.Done(sentence="The head is being read.")

    @app.put(
        "/api/uploads/{kind}/{name}", responses={**_REFUSED, 413: {"description": "Too large."}}
    )
    async def upload(desk: Idle, request: Request, kind: uploads.Kind, name: str) -> m.Done:
        """Upload one file of an image: NIfTI, or a DICOM slice."""
        await uploads.keep(desk.folder, kind, name, request.stream(), LARGEST_UPLOAD)
        return m.Done(sentence="Kept.")

    @app.post("/api/uploads/{kind}/look", responses=_REFUSED)
    async def look(desk: Idle, kind: uploads.Kind) -> m.Done:
        """Look at what was uploaded, in a process with limits; what cannot be used is deleted."""
        path = uploads.image_in(desk.folder, kind)
        why = await uploads.look(path, kind)
        if why:
            uploads.clear(desk.folder, kind)
            desk.uploaded.pop(kind, None)
            raise HTTPException(409, why)
        desk.uploaded[kind] = path
        desk.changed()
        return m.Done(sentence="The image can be used.")

    @app.delete("/api/uploads/{kind}", responses=_REFUSED)
    async def clear(desk: Idle, kind: uploads.Kind) -> m.Done:
        """Delete what was uploaded."""
        uploads.clear(desk.folder, kind)
        desk.uploaded.pop(kind, None)
        desk.changed()
        return m.Done(sentence="Deleted.")


def _need(given: bool, sentence: str) -> None:
    if not given:
        raise HTTPException(409, sentence)


# --- treating ---


def _treating(app: FastAPI) -> None:
    @app.post("/api/rehearsal", responses=_REFUSED, status_code=202)
    async def begin(desk: Idle, wish: m.Begin) -> m.Done:
        """Begin a rehearsal of the approved plan."""
        _need("plan" in desk.facts.approved, "Approve the plan first.")
        scenario = SCENARIOS.get(wish.scenario)
        if scenario is None:
            raise HTTPException(
                409, f"There is no such scenario; there are {', '.join(SCENARIOS)}."
            )
        desk.rehearse(
            m.RunView(
                scenario=wish.scenario,
                description=scenario.description,
                seed=wish.seed,
                speed=wish.speed,
            )
        )
        return m.Done(sentence="The rehearsal begins.")

    @app.post("/api/rehearsal/speed", responses=_REFUSED)
    async def speed(desk: Treating, wish: m.Speed) -> m.Done:
        """Go on at another speed."""
        desk.set_speed(wish.speed)
        return m.Done(sentence=f"The speed is {wish.speed:g}.")

    @app.post("/api/commands", responses=_REFUSED, status_code=202)
    async def command(desk: Treating, wish: m.Command) -> m.Done:
        """Ask the controller for something; it may refuse, and the log says why."""
        asked = OperatorCommand(who=desk.seat.name, **wish.model_dump())
        desk.engine.say("command", asked)
        return m.Done(sentence=f"Asked: {wish.verb}.")

    @app.post("/api/patient", responses=_REFUSED, status_code=202)
    async def patient(desk: Treating, word: m.PatientWord) -> m.Done:
        """Pass on what the patient says or does."""
        desk.engine.say("patient", PatientReport.model_validate(word.model_dump()))
        return m.Done(sentence="Passed on.")

    @app.post("/api/stop", responses=_REFUSED, status_code=202)
    async def stop(desk: Looking, role: Role) -> m.Done:
        """Take the power off; every window of the operator's address may."""
        if role != "operate":
            raise HTTPException(403, "This window only looks; open the operator's address.")
        desk.stop("stop was pressed at the console")
        return m.Done(sentence="Stop was passed on.")


# --- reporting ---


def _reporting(app: FastAPI) -> None:
    missing: dict[int | str, dict[str, Any]] = {
        404: {"description": "No treatment was finished yet."}
    }

    def path_of(desk: Desk) -> Path:
        path = desk.folder / desk.run_folder / "report.html"
        if not (desk.facts.report and desk.run_folder and path.is_file()):
            raise HTTPException(404, "No treatment was finished yet.")
        return path

    @app.get("/api/report", responses=missing)
    async def report(desk: Looking, *, download: bool = False) -> Response:
        """Return the report, the same as the command line's."""
        name = "insonate-report.html" if download else None
        kind = "attachment" if download else "inline"
        answer = FileResponse(
            path_of(desk), media_type="text/html", filename=name, content_disposition_type=kind
        )
        answer.headers["content-security-policy"] = REPORT_POLICY
        return answer

    @app.get("/api/replay", responses=missing)
    async def replay(desk: Looking) -> Replay:
        """Return the treatment that was: curves, log, and when each frame was taken."""
        return (await replay_of(path_of(desk).parent / "record")).shown

    @app.get("/api/replay/frames/{number}", responses=missing)
    async def frame(desk: Looking, number: int) -> Response:
        """Return one frame of the treatment that was."""
        told = await replay_of(path_of(desk).parent / "record")
        if not 0 <= number < len(told.shown.frames):
            raise HTTPException(404, f"There is no frame {number}.")
        return Response(told.frame(number), media_type="application/octet-stream")


def _socket(app: FastAPI) -> None:
    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        desk: Desk = socket.app.state.desk
        if len(desk.listeners) >= MOST_SOCKETS:
            await socket.close(code=1013, reason="Too many windows are open.")
            return
        role = str(socket.scope.get("state", {}).get("role", "observe"))
        await Window(desk, socket, role).serve()
