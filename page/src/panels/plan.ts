import { ask, get } from "../api";
import { facts, field, fill, h, sentences, show, table, text } from "../dom";
import { Helmet } from "../helmet";
import type { Elements, Histogram, Status, View } from "../types";
import { words } from "../words";
import { type Panel, type Shell, enable } from "./panel";

export class PlanPanel implements Panel {
  readonly root: HTMLElement;
  elements: Elements | null = null;
  private readonly engine = h("select", { id: "engine" });
  private readonly make: HTMLButtonElement;
  private readonly approve: HTMLButtonElement;
  readonly helmet = new Helmet();
  private readonly helmetBox: HTMLElement;
  private readonly rest = h("div");
  private readonly took = h("p", { class: "told" });
  private key = "";

  constructor(private readonly shell: Shell) {
    this.make = h("button", { type: "button", class: "primary", id: "make-plan", click: () => void shell.act(() => ask("plan", { engine: this.engine.value })) }, words.plan.make);
    this.approve = h("button", { type: "button", class: "primary", id: "approve-plan", click: () => void this.approved() }, words.plan.approve);
    this.helmet.onColour = () => shell.changed();
    this.helmetBox = h("section", {}, h("h3", {}, words.plan.helmet), this.helmet.root);
    this.root = h(
      "div",
      {},
      h("h2", {}, words.plan.heading),
      field(words.plan.engine, this.engine),
      h("div", { class: "row" }, this.make, this.approve),
      this.took,
      this.helmetBox,
      this.rest,
    );
  }

  private async approved(): Promise<void> {
    if (await this.shell.act(() => ask("approve/plan"))) this.shell.go("rehearse");
  }

  update(view: View, _status: Status | null): void {
    const plan = view.plan;
    const free = this.shell.operates() && view.busy === null && (view.run === null || view.run.over);
    fill(this.engine, view.engines, () => view.engines.map((e) => h("option", { value: e.name }, `${e.name}: ${e.words}, ${words.plan.seconds(e.seconds)}`)));
    enable(this.make, free && view.steps[2]?.state === "done");
    enable(this.approve, free && view.steps[3]?.state === "open" && plan !== null);
    text(this.took, plan ? words.plan.took(plan.seconds) : "");
    show(this.helmetBox, plan !== null);
    const key = JSON.stringify(plan);
    if (plan && key !== this.key) {
      this.key = key;
      void get<Elements>("elements").then((found) => {
        this.elements = found;
        this.helmet.show(found, plan);
        this.shell.changed();
      });
    }
    if (!plan) {
      this.elements = null;
      this.key = "";
    }
    fill(this.rest, plan, () => {
      if (!plan) return [];
      const rows = plan.sonications.map((s) => [
        s.stage,
        s.power_w.toFixed(0),
        s.duration_s.toFixed(0),
        `${s.peak_degc.toFixed(1)} (${s.low_degc.toFixed(1)}–${s.high_degc.toFixed(1)})`,
        s.skull_degc.toFixed(1),
      ]);
      const limits = plan.limits.map((l) => [l.name, `${number(l.value)} ${l.unit}`, l.source]);
      return [
        table(words.plan.columns, rows, words.plan.sonications),
        h("div", { class: "histograms" }, ...plan.histograms.map(histogram)),
        h("h3", {}, words.plan.numbers),
        facts(plan.facts),
        h("details", {}, h("summary", {}, words.plan.limits), table(words.plan.limitColumns, limits, words.plan.limits)),
        h("h3", {}, words.plan.notes),
        sentences(plan.notes),
      ];
    });
  }
}

function number(value: number): string {
  return Math.abs(value) >= 1e4 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function histogram(data: Histogram): HTMLElement {
  const canvas = h("canvas", { width: 360, height: 110, role: "img" });
  const total = data.counts.reduce((a, b) => a + b, 0);
  const mean = data.counts.reduce((sum, c, i) => sum + c * (((data.edges[i] ?? 0) + (data.edges[i + 1] ?? 0)) / 2), 0) / Math.max(1, total);
  const unit = data.unit === "1" ? "" : data.unit;
  canvas.setAttribute("aria-label", `${data.label}: ${total} elements, mean ${mean.toPrecision(3)} ${unit}`);
  const context = canvas.getContext("2d");
  if (context) {
    const top = Math.max(1, ...data.counts);
    const wide = (canvas.width - 20) / data.counts.length;
    context.fillStyle = "#7cc4ff";
    data.counts.forEach((count, i) => {
      const high = (count / top) * 80;
      context.fillRect(10 + i * wide, 88 - high, wide - 2, high);
    });
    context.fillStyle = "#e8edf2";
    context.font = "13px sans-serif";
    context.fillText(`${(data.edges[0] ?? 0).toPrecision(2)}`, 10, 106);
    context.textAlign = "right";
    context.fillText(`${(data.edges.at(-1) ?? 0).toPrecision(2)} ${unit}`, canvas.width - 10, 106);
  }
  return h("figure", {}, h("figcaption", {}, `${data.label}, mean ${mean.toPrecision(3)} ${unit}`), canvas);
}
