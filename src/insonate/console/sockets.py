"""One window's socket: news in batches, one in flight, and what is urgent at once."""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from insonate.console.curves import Point
from insonate.console.desk import Desk, News
from insonate.console.models import Note

MOST_SOCKETS = 12
MOST_WORDS_PER_S = 60
"""A window says a few words a second; one that says more is cut off."""

LARGEST_WORD = 2048
SHORTEST_PAUSE_S = 0.15
"""Between two batches: every one is drawn, and drawing holds up what is urgent."""

MOST_PENDING = 4000
"""Points that wait for a slow window; beyond it gets the whole curves again."""


class Window:
    """One window. It is an object because news gather in it until they can be sent."""

    def __init__(self, desk: Desk, socket: WebSocket, role: str) -> None:
        self._desk, self._socket, self._role = desk, socket, role
        self._points: list[Point] = []
        self._notes: list[Note] = []
        self._whole, self._view, self._status = True, True, True
        self._frame = -1
        self._news, self._acknowledged = asyncio.Event(), asyncio.Event()
        self._urgent = asyncio.Event()
        self._sent = 0
        self._said: list[float] = []
        self._writing = asyncio.Lock()

    async def serve(self) -> None:
        """Serve the window until it is closed."""
        await self._socket.accept()
        self._desk.listeners.append(self.hear)
        self._news.set()
        tellers = [asyncio.create_task(tell()) for tell in (self._tell, self._tell_at_once)]
        try:
            await self._listen()
        finally:
            self._desk.listeners.remove(self.hear)
            for teller in tellers:
                teller.cancel()
                with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                    await teller

    def hear(self, news: News) -> None:
        """Take news; what is urgent goes out ahead of every batch."""
        self._points += news.points
        self._notes += news.notes
        self._view |= news.view
        self._status |= news.status
        if len(self._points) > MOST_PENDING:
            self._whole, self._points = True, []
        if news.urgent:
            self._urgent.set()
        self._news.set()

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._sent and not self._acknowledged.is_set():
                continue
            await self._batch()
            await asyncio.sleep(SHORTEST_PAUSE_S)

    async def _tell_at_once(self) -> None:
        """Tell what is urgent: it waits neither for the pause between batches nor to be acknowledged."""
        while True:
            await self._urgent.wait()
            self._urgent.clear()
            await self._send(self._at_once())

    def _at_once(self) -> str:
        run = self._desk.facts.run
        status = run.status if run is not None else None
        last = next((n for n in reversed(self._desk.notes) if n.kind == "power_set"), None)
        return json.dumps(
            {
                "kind": "urgent",
                "state": status.state if status else None,
                "state_words": status.state_words if status else "",
                "power": last.words if last else "",
                "power_number": last.number if last else -1,
            }
        )

    async def _batch(self) -> None:
        desk, frame = self._desk, self._desk.frames
        new_frame = frame != self._frame and desk.frame != b""
        if not (self._view or self._status or self._points or self._notes or new_frame):
            return
        run = desk.facts.run
        self._sent += 1
        batch: dict[str, Any] = {"kind": "batch", "n": self._sent, "frame": new_frame}
        if self._view:
            batch["view"] = desk.view(self._role).model_dump(mode="json")
        if self._status:
            status = run.status if run is not None else None
            batch["status"] = status.model_dump(mode="json") if status else None
        if self._whole:
            batch["curves"] = desk.curves.all()
            batch["log"] = [note.model_dump(mode="json") for note in desk.notes]
        else:
            batch["points"] = self._points
            batch["notes"] = [note.model_dump(mode="json") for note in self._notes]
        self._points, self._notes = [], []
        self._whole = self._view = self._status = False
        self._frame = frame
        self._acknowledged.clear()
        await self._send(json.dumps(batch, separators=(",", ":")))
        if new_frame:
            async with self._writing:
                await self._socket.send_bytes(desk.frame)

    async def _send(self, text: str) -> None:
        async with self._writing:
            await self._socket.send_text(text)

    # --- what the window says ---

    async def _listen(self) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                text = await self._socket.receive_text()
                if len(text) > LARGEST_WORD or self._too_often():
                    await self._socket.close(code=1008, reason="Too much was said.")
                    return
                self._hear_word(text)

    def _too_often(self) -> bool:
        now = time.monotonic()
        self._said = [t for t in self._said if now - t < 1.0] + [now]
        return len(self._said) > MOST_WORDS_PER_S

    def _hear_word(self, text: str) -> None:
        """Take one word; what is not understood is passed over."""
        try:
            word = json.loads(text)
            do, key = word.get("do"), str(word.get("seat", ""))
        except (ValueError, AttributeError, RecursionError):
            return
        if do == "ack" and word.get("n") == self._sent:
            self._acknowledged.set()
            self._news.set()
        elif self._role == "operate" and do == "stop":
            self._desk.stop("stop was pressed at the console")
        elif self._role == "operate" and do == "beat":
            self._desk.beat(key)
