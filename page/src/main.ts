// The console: steps along the top, one panel each, Stop always in its place.

import { Line, Refused, ask, seatKey, setSeat } from "./api";
import { fill, h, show, text } from "./dom";
import { HeadPanel } from "./panels/head";
import { ImagesPanel } from "./panels/images";
import type { Panel, Shell } from "./panels/panel";
import { PlanPanel } from "./panels/plan";
import { RehearsePanel } from "./panels/rehearse";
import { ReportPanel } from "./panels/report";
import { TargetPanel } from "./panels/target";
import "./style.css";
import type { Batch, Frame, Status, StepKey, Urgent, View } from "./types";
import { type Mark, Viewer } from "./viewer";
import { words } from "./words";

const KEYS: StepKey[] = ["images", "head", "target", "plan", "rehearse", "report"];
const PRESETS: Partial<Record<StepKey, string>> = { images: "mr", head: "labels", target: "none", plan: "field" };
/** Where points are dragged, planes alone are shown. */
const PLANES = new Set<StepKey>(["head", "target"]);
const NO_VIEWER = new Set<StepKey>(["rehearse", "report"]);

class Console implements Shell {
  readonly viewer = new Viewer();
  private latest: View | null = null;
  private state: Status | null = null;
  private step: StepKey = "images";
  private mine = false;
  private readonly images = new ImagesPanel(this);
  private readonly head = new HeadPanel(this);
  private readonly target = new TargetPanel(this);
  private readonly plan = new PlanPanel(this);
  private readonly rehearse = new RehearsePanel(this);
  private readonly report = new ReportPanel(this);
  private readonly panels: Record<StepKey, Panel> = {
    images: this.images,
    head: this.head,
    target: this.target,
    plan: this.plan,
    rehearse: this.rehearse,
    report: this.report,
  };
  private readonly disclaimer = h("p", { class: "disclaimer" });
  private readonly tabs = h("ol", { class: "steps" });
  private readonly sentence = h("p", { class: "sentence", role: "status", id: "sentence" });
  private readonly seat = h("div", { class: "seat" });
  private readonly registry = h("a", { href: "api/registry", target: "_blank", rel: "noopener", id: "to-registry", title: words.registryHelp, hidden: true }, words.registry);
  private readonly time = h("p", { class: "clock" });
  private readonly connection = h("p", { class: "lost", role: "alert" }, words.connecting);
  private readonly fault = h("div", { class: "fault", role: "alert" });
  private readonly busy = h("div", { class: "busy" });
  private readonly bar = h("progress", { max: 1, "aria-label": "Progress" });
  private readonly busyWords = h("span", {});
  private readonly cancel = h("button", { type: "button", id: "cancel", click: () => void this.act(() => ask("cancel")) }, words.busy.cancel);
  private readonly stopState = h("span", { class: "stop-state" });
  private readonly stop: HTMLButtonElement;
  private readonly main = h("main", { tabindex: -1 });
  private line: Line | null = null;
  private powerNumber = -1;
  /** What a step shows over the CT as soon as it is there, unless another choice was made. */
  private preset = "";

  constructor(app: HTMLElement) {
    this.stop = h("button", { type: "button", class: "stop", id: "stop", pointerdown: () => this.halt(), click: (event) => (event as MouseEvent).detail === 0 && this.halt() }, h("span", { class: "stop-word" }, words.stop), this.stopState, h("span", { class: "stop-hint" }, words.stopHint));
    this.busy.append(this.bar, this.busyWords, this.cancel);
    for (const key of KEYS) this.tabs.append(h("li", {}, h("button", { type: "button", id: `step-${key}`, click: () => this.go(key) }, words.steps[key])));
    const side = h("aside", { class: "side", "aria-label": "Step" }, ...KEYS.filter((k) => !NO_VIEWER.has(k)).map((k) => this.panels[k].root));
    this.main.append(this.viewer.root, side, this.rehearse.root, this.report.root);
    app.append(
      h(
        "header",
        {},
        h(
          "div",
          { class: "told-words" },
          h("div", { class: "top" }, h("h1", {}, words.title), this.disclaimer, this.seat, this.registry, this.time),
          h("nav", { "aria-label": "Steps" }, this.tabs),
          this.sentence,
          this.busy,
          this.connection,
          this.fault,
        ),
        this.stop,
      ),
      this.main,
    );
    this.viewer.onMove = (point) => {
      if (this.step === "head") this.head.moved(point);
      if (this.step === "target") this.target.moved(point);
    };
    document.addEventListener("keydown", (event) => this.key(event), true);
    setInterval(() => this.tick(), 500);
    this.go("images");
  }

  async start(): Promise<void> {
    await this.viewer.attach();
    this.line = new Line({
      batch: (batch) => this.take(batch),
      urgent: (urgent) => this.urgent(urgent),
      frame: (frame) => this.drawFrame(frame),
      connected: (on) => this.connected(on),
    });
  }

  view(): View | null {
    return this.latest;
  }
  status(): Status | null {
    return this.state;
  }
  changed(): void {
    this.refresh();
  }
  operates(): boolean {
    return this.mine;
  }

  async act(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      this.told("");
      return true;
    } catch (error) {
      const sentence = error instanceof Refused ? error.message : words.lost;
      this.told(`${words.refused}: ${sentence}`);
      return false;
    }
  }

  private told(sentence: string): void {
    fill(this.fault, sentence, () =>
      sentence === "" ? [] : [h("span", {}, sentence), h("button", { type: "button", click: () => this.told("") }, words.hide)],
    );
  }

  go(step: StepKey): void {
    this.step = step;
    for (const key of KEYS) {
      show(this.panels[key].root, key === step);
      const tab = this.tabs.querySelector(`#step-${key}`);
      if (key === step) tab?.setAttribute("aria-current", "step");
      else tab?.removeAttribute("aria-current");
    }
    this.viewer.see(!NO_VIEWER.has(step));
    const side = this.main.querySelector<HTMLElement>(".side");
    if (side) show(side, !NO_VIEWER.has(step));
    document.body.dataset["step"] = step;
    this.preset = PRESETS[step] ?? "";
    if (!NO_VIEWER.has(step)) this.viewer.arrange(PLANES.has(step) ? "planes" : "both");
    this.refresh();
    window.scrollTo(0, 0);
  }

  // --- stop ---

  private halt(): void {
    this.line?.stop();
    if (this.treating()) text(this.stopState, words.stopSent);
  }

  private treating(): boolean {
    return this.latest?.run != null && !this.latest.run.over;
  }

  private key(event: KeyboardEvent): void {
    if (!this.treating() || !this.latest?.may_operate || event.repeat) return;
    const on = this.state?.state === "sonicating";
    const writing = event.target instanceof HTMLElement && event.target.closest("input, select, textarea, button, summary, a") !== null;
    if (event.key === "Escape" || (event.key === " " && (on || !writing))) {
      event.preventDefault();
      event.stopPropagation();
      this.halt();
    }
  }

  // --- news ---

  private connected(on: boolean): void {
    show(this.connection, !on);
    if (!on) text(this.connection, this.latest ? words.lost : words.connecting);
    document.body.classList.toggle("old", !on);
    if (on) void (seatKey() ? this.checkSeat() : this.takeSeat().then(() => this.checkSeat()));
  }

  private async takeSeat(): Promise<void> {
    // an observer's window is refused, and only looks
    await ask<{ seat: string }>("seat", { name: "operator" })
      .then((found) => setSeat(found.seat))
      .catch(() => undefined);
  }

  private async checkSeat(): Promise<void> {
    const before = this.mine;
    this.mine = seatKey() !== "" && (await ask("seat/beat").then(() => true, () => false));
    if (before !== this.mine) this.refresh();
  }

  private take(batch: Batch): void {
    if (batch.curves) this.rehearse.curves.set(batch.curves);
    if (batch.points) this.rehearse.curves.add(batch.points);
    if (batch.log) this.rehearse.setLog(batch.log);
    if (batch.notes) this.rehearse.addLog(batch.notes);
    if (batch.status !== undefined) this.state = batch.status;
    if (batch.view) {
      const run = this.latest?.run;
      if (batch.view.run && !batch.view.run.over && (!run || run.over)) {
        this.rehearse.slice.clear();
        this.rehearse.curves.set({});
      }
      const seat = JSON.stringify(this.latest?.seat);
      this.latest = batch.view;
      if (JSON.stringify(batch.view.seat) !== seat) void this.checkSeat();
    }
    this.refresh();
  }

  private urgent(urgent: Urgent): void {
    if (urgent.power_number >= this.powerNumber) {
      this.powerNumber = urgent.power_number;
      const off = urgent.power !== "" && urgent.state !== "sonicating";
      if (this.treating() || urgent.state !== null) {
        text(this.stopState, off ? words.stopOff : words.stopOn);
        this.stop.dataset["power"] = off ? "off" : "on";
        this.stop.dataset["number"] = String(urgent.power_number);
      }
    }
  }

  private drawFrame(frame: Frame): void {
    this.rehearse.slice.draw(frame);
  }

  private tick(): void {
    text(this.time, words.clock(new Date().toLocaleTimeString()));
    const busy = this.latest?.busy;
    if (busy) this.showBusy(busy);
  }

  private showBusy(busy: NonNullable<View["busy"]>): void {
    const seconds = Math.max(0, Date.now() / 1000 - busy.since);
    text(this.busyWords, `${busy.stage || busy.what} ${busy.detail} · ${words.busy.taking(seconds)}`);
    this.bar.value = busy.done;
  }

  private refresh(): void {
    const view = this.latest;
    if (!view) return;
    text(this.disclaimer, view.disclaimer);
    view.steps.forEach((step) => this.showStep(step.key, step.state, step.sentence));
    const open = view.steps.find((s) => s.key === this.step);
    text(this.sentence, open?.sentence ?? "");
    this.showSeat(view);
    const treating = this.treating();
    show(this.registry, view.registry && !treating);
    show(this.busy, view.busy !== null && view.busy.what !== "rehearse");
    if (view.busy) this.showBusy(view.busy);
    show(this.cancel, this.mine && !treating);
    if (view.fault) this.told(`${words.fault}: ${view.fault}`);
    show(this.stop, view.may_operate);
    this.stop.disabled = !treating;
    const on = this.state?.state === "sonicating";
    text(this.stopState, !treating ? words.stopNothing : on ? words.stopOn : words.stopOff);
    document.body.classList.toggle("power", treating && on);
    this.viewer.update(view.volumes);
    if (view.volumes.some((v) => v.name === this.preset) || this.preset === "none") {
      this.viewer.choose(this.preset);
      this.preset = "";
    }
    this.viewer.marks(this.marksOf(view), view.plan && this.step === "plan" ? this.plan.elements : null, this.plan.helmet.by);
    this.panels[this.step].update(view, this.state);
  }

  private marksOf(view: View): Mark[] {
    const marks: Mark[] = [];
    if (view.head?.ac_mm) marks.push({ name: "AC", point: view.head.ac_mm, value: 1, size: 1 });
    if (view.head?.pc_mm) marks.push({ name: "PC", point: view.head.pc_mm, value: 2, size: 1 });
    if (view.target) marks.push({ name: view.target.name, point: view.target.point_mm, value: 4, size: 1.4 });
    return marks;
  }

  private showStep(key: StepKey, state: "done" | "open" | "closed", sentence: string): void {
    const tab = this.tabs.querySelector<HTMLButtonElement>(`#step-${key}`);
    if (!tab) return;
    fill(tab, [state, sentence], () => [h("span", { class: "step-name" }, words.steps[key]), h("span", { class: "step-mark" }, words.stepMarks[state])]);
    tab.className = state;
    tab.title = sentence;
    tab.disabled = state === "closed";
  }

  private showSeat(view: View): void {
    const seat = view.seat;
    const about = !view.may_operate
      ? words.seat.observer
      : this.mine
        ? words.seat.yours
        : seat.taken
          ? words.seat.others(seat.name)
          : words.seat.free;
    fill(this.seat, [about, seat.asking, this.mine, seat.taken, view.may_operate], () => {
      const made: (Node | string)[] = [h("span", {}, about)];
      if (view.may_operate && !this.mine) {
        const label = seat.asking ? words.seat.asked : seat.taken ? words.seat.ask : words.seat.take;
        made.push(h("button", { type: "button", id: "take-seat", click: () => void this.takeSeat().then(() => this.checkSeat()) }, label));
      }
      if (this.mine && seat.asking) {
        const answer = (give: boolean) => () => void this.act(() => ask("seat/answer", { give })).then(() => this.checkSeat());
        made.push(
          h("div", { class: "asking", role: "alertdialog", "aria-label": words.seat.wants(seat.asking) }, words.seat.wants(seat.asking), h("button", { type: "button", id: "give-seat", click: answer(true) }, words.seat.give), h("button", { type: "button", click: answer(false) }, words.seat.keep)),
        );
      }
      return made;
    });
  }
}

const app = document.getElementById("app");
if (app) void new Console(app).start();
