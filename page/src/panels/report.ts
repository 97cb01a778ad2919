import { bytes, get, unpack } from "../api";
import { Curves } from "../curves";
import { clock, fill, h, show, table, text } from "../dom";
import { Slice } from "../slice";
import type { Replay, Status, View } from "../types";
import { words } from "../words";
import type { Panel, Shell } from "./panel";

export class ReportPanel implements Panel {
  readonly root: HTMLElement;
  private readonly none = h("p", {}, words.report.none);
  private readonly rest: HTMLElement;
  private readonly outcome = h("p", { class: "headline" });
  private readonly score = h("div");
  private readonly frame: HTMLIFrameElement;
  private readonly slider: HTMLInputElement;
  private readonly place = h("output", {});
  private readonly slice = new Slice();
  private readonly curves = new Curves();
  private readonly said = h("ol", { class: "log", tabindex: 0, "aria-label": words.rehearse.log });
  private readonly play: HTMLButtonElement;
  private replay: Replay | null = null;
  private shown = -1;
  private loaded = false;
  private playing = 0;

  constructor(_shell: Shell) {
    this.frame = h("iframe", { title: words.report.frame, class: "report", id: "report-frame" });
    this.slider = h("input", { type: "range", min: 0, max: 1, step: 1, value: 0, id: "replay-time", input: () => void this.seek() });
    this.play = h("button", { type: "button", click: () => this.run() }, words.report.play);
    this.slice.canvas.id = "replay-canvas";
    this.rest = h(
      "div",
      { class: "report-box" },
      this.outcome,
      this.score,
      h("p", {}, h("a", { href: "api/report?download=true", class: "button primary", id: "download-report" }, words.report.download)),
      h("h3", {}, words.report.replay),
      h("div", { class: "row" }, h("label", { for: "replay-time" }, words.report.slider), this.slider, this.place, this.play),
      h("div", { class: "replay" }, this.slice.root, this.curves.root, this.said),
      h("h3", {}, words.report.frame),
      this.frame,
    );
    this.root = h("div", {}, h("h2", {}, words.report.heading), this.none, this.rest);
  }

  update(view: View, _status: Status | null): void {
    show(this.none, !view.report);
    show(this.rest, view.report);
    text(this.outcome, view.run?.outcome ?? "");
    fill(this.score, view.run?.score, () => {
      const rows = (view.run?.score ?? []).map((s) => [s.label, s.value, s.unit === "reached" ? "✓ reached" : "✗ missed"]);
      return rows.length > 0 ? [table(["objective", "found", ""], rows, words.report.score)] : [];
    });
    if (!view.report) this.loaded = false;
    else if (!this.loaded && this.root.offsetParent !== null) void this.load();
  }

  private async load(): Promise<void> {
    this.loaded = true;
    this.frame.src = "api/report";
    const found = await get<Replay>("replay");
    this.replay = found;
    this.slider.max = String(Math.ceil(found.end_s));
    this.curves.set(found.curves, true);
    this.slider.value = this.slider.max;
    await this.seek();
  }

  private run(): void {
    if (this.playing) {
      clearInterval(this.playing);
      this.playing = 0;
    } else {
      if (this.slider.value === this.slider.max) this.slider.value = "0";
      this.playing = window.setInterval(() => {
        this.slider.value = String(Number(this.slider.value) + 5);
        void this.seek();
        if (this.slider.value === this.slider.max) this.run();
      }, 200);
    }
    text(this.play, this.playing ? words.report.halt : words.report.play);
  }

  private async seek(): Promise<void> {
    const replay = this.replay;
    if (!replay) return;
    const now = Number(this.slider.value);
    text(this.place, words.report.at(clock(now)));
    this.slider.setAttribute("aria-valuetext", clock(now));
    this.curves.until(now);
    const log = replay.log.filter((n) => n.time_s <= now).slice(-40);
    fill(this.said, log.map((n) => n.number), () => log.reverse().map((n) => h("li", {}, h("time", {}, clock(n.time_s)), ` ${n.words}`)));
    const at = replay.frames.findLastIndex((f) => f.time_s <= now);
    if (at === this.shown) return;
    this.shown = at;
    if (at < 0) this.slice.clear();
    else {
      const frame = unpack(await bytes(`replay/frames/${at}`));
      if (this.shown === at) this.slice.draw(frame, false);
    }
  }
}
