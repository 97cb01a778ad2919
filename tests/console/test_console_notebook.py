"""The viewer in a notebook: what it is given, what it shows in a browser, and what it refuses."""

import base64
import http.server
import json
import threading

import numpy as np
import pytest
from playwright.sync_api import expect

from insonate.console.notebook import Figures, view
from insonate.console.serve import built_page
from insonate.core import Frame, Grid, SettingsError, Volume
from insonate.core.provenance import DISCLAIMER
from insonate.head import PhantomOptions, phantom_head
from insonate.testing.records import treatment_record

PAGE = """<!doctype html><div id="cell"></div><script type="module">
import widget from "./widget.js";
const told = await (await fetch("./model.json")).json();
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
told.contents = told.contents.map(bytes);
await widget.render({ model: { get: (name) => told[name] }, el: document.querySelector("#cell") });
</script>"""


@pytest.fixture(scope="module")
def head():
    return phantom_head(PhantomOptions(spacing_m=2.5e-3))


def small_volume(head):
    grid = Grid.centred(head.grid.points_of([20, 20, 20]), 2e-3, (17, 17, 17), Frame.CT)
    return Volume(np.random.default_rng(0).random(grid.shape), grid, "K")


def test_the_widget_carries_volumes_in_order_and_the_disclaimer(head):
    made = view(head, small_volume(head), height=300)
    assert [layer["name"] for layer in made.layers] == ["head", "volume"]
    assert [layer["opacity"] for layer in made.layers] == [1.0, 0.5]
    assert made.disclaimer == DISCLAIMER
    for content in made.contents:
        assert int.from_bytes(content[:4], "little") == 348  # a NIfTI-1 header


def test_the_module_draws_in_a_browser_and_asks_for_nothing_else(head, chromium, tmp_path):
    made = view(head, small_volume(head))
    contents = [base64.b64encode(c).decode() for c in made.contents]
    told = {"layers": made.layers, "contents": contents, "disclaimer": made.disclaimer,
            "height": 300}  # fmt: skip
    (tmp_path / "index.html").write_text(PAGE, "utf-8")
    (tmp_path / "model.json").write_text(json.dumps(told), "utf-8")
    (tmp_path / "widget.js").write_bytes((built_page() / "widget.js").read_bytes())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = []
        with chromium.new_context() as context:
            page = context.new_page()
            page.on("request", lambda r: asked.append(r.url))
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            expect(page.locator("#cell")).to_contain_text("Not a medical device")
            page.wait_for_selector("#cell[data-shown='2']", timeout=30_000)
        server.shutdown()
    own = ("http://127.0.0.1", "data:", "blob:")
    assert all(url.startswith(own) for url in asked), asked


def test_a_record_is_shown_as_its_figures():
    shown = view_record()
    assert shown.count("<figure>") >= 5
    assert DISCLAIMER in shown


def view_record():
    return Figures(treatment_record())._repr_html_()


def test_nothing_and_a_mixture_are_refused(head):
    with pytest.raises(SettingsError, match="were given to view"):
        view()
