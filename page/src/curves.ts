// Curves over the session: uPlot, bounded like the server's.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { h } from "./dom";
import type { CurvePoint, Curves as Points } from "./types";
import { words } from "./words";

const MOST = 3000;
/** One panel at a time: four at once hold up what must be seen at once where there is no graphics card. */
const EACH_MS = 250;
const AXIS = "#c3cdd7";

/** Curves of single sonications: nothing is drawn from one to the next. */
const PIECES = new Set(["peak", "mean", "now", "low", "high"]);
/** As uPlot numbers it: a null reaches up to the next value of its own curve, not of the next. */
const NULL_EXPAND = 2;
const GAP_S = 25;

interface Line {
  name: string;
  colour: string;
  dash?: number[];
  dots?: boolean;
}
interface Panel {
  title: string;
  lines: Line[];
}

const PANELS: Panel[] = [
  {
    title: words.rehearse.curves.focus,
    lines: [
      { name: "peak", colour: "#ffffff", dots: true },
      { name: "mean", colour: "#7cc4ff", dots: true },
      { name: "estimated", colour: "#5fd0b0" },
      { name: "now", colour: "#e59ec5", dash: [6, 2] },
      { name: "low", colour: "#f0b429", dash: [4, 4] },
      { name: "high", colour: "#f0b429", dash: [4, 4] },
    ],
  },
  {
    title: words.rehearse.curves.tissue,
    lines: [
      { name: "skull", colour: "#f0e442" },
      { name: "scalp", colour: "#e69f00", dash: [6, 3] },
      { name: "water", colour: "#56b4e9", dash: [2, 3] },
    ],
  },
  {
    title: words.rehearse.curves.power,
    lines: [
      { name: "power", colour: "#ff9d8a" },
      { name: "energy", colour: "#c8b6ff", dash: [5, 3] },
    ],
  },
  {
    title: words.rehearse.curves.cavitation,
    lines: [
      { name: "subharmonic", colour: "#7cc4ff" },
      { name: "ultraharmonic", colour: "#5fd0b0", dash: [5, 3] },
      { name: "broadband", colour: "#f0b429", dash: [2, 3] },
    ],
  },
];

export class Curves {
  readonly root = h("div", { class: "curves" });
  private readonly data = new Map<string, [number, number][]>();
  private readonly plots: uPlot[] = [];
  private readonly dirty = new Set(PANELS.keys());
  private turn = 0;
  private window_s = 600;

  constructor() {
    for (const panel of PANELS) {
      const box = h("div", { class: "curve", role: "img", "aria-label": panel.title });
      this.root.append(h("figure", {}, h("figcaption", {}, panel.title, ...panel.lines.map(legend)), box));
      this.plots.push(new uPlot(options(panel), empty(panel), box));
    }
    setInterval(() => this.draw(), EACH_MS);
    new ResizeObserver(() => this.resize()).observe(this.root);
  }

  set(curves: Points, whole = false): void {
    this.data.clear();
    for (const [name, points] of Object.entries(curves)) this.data.set(name, [...points]);
    this.window_s = whole ? Infinity : 600;
    this.redraw();
  }

  add(points: CurvePoint[]): void {
    for (const [name, time, value] of points) {
      let curve = this.data.get(name);
      if (!curve) this.data.set(name, (curve = []));
      curve.push([time, value]);
      if (curve.length > MOST) this.data.set(name, curve.filter((_, i) => i % 2 === 0));
    }
    if (points.length > 0) this.redraw();
  }

  /** Redraw as if time had stopped at `until_s`; for replay. */
  until(until_s: number): void {
    this.limit = until_s;
    this.redraw();
    requestAnimationFrame(() => {
      while (this.dirty.size > 0 && this.draw());
    });
  }
  private limit = Infinity;

  private redraw(): void {
    for (const k of PANELS.keys()) this.dirty.add(k);
  }

  /** Draw the next panel that has changed; false where there is nothing to draw on. */
  private draw(): boolean {
    if (this.dirty.size === 0 || this.root.offsetParent === null) return false;
    do this.turn = (this.turn + 1) % PANELS.length;
    while (!this.dirty.delete(this.turn));
    const panel = PANELS[this.turn];
    if (!panel) return false;
    const ends = [...this.data.values()].map((c) => c.at(-1)?.[0] ?? 0);
    const end = Math.min(this.limit, Math.max(0, ...ends));
    const start = Math.max(0, end - this.window_s);
    const curves = panel.lines.map((line) => {
      const shown = (this.data.get(line.name) ?? []).filter(([t]) => t >= start && t <= end);
      return PIECES.has(line.name) ? broken(shown) : shown;
    });
    const tables = curves.map((c) => [c.map(([t]) => t / 60), c.map(([, v]) => v)] as uPlot.AlignedData);
    const joined = uPlot.join(tables, tables.map(() => [0, NULL_EXPAND]));
    this.plots[this.turn]?.setData((joined[0]?.length ?? 0) > 0 ? joined : empty(panel));
    return true;
  }

  private resize(): void {
    for (const plot of this.plots) {
      const box = plot.root.parentElement;
      if (box && box.clientWidth > 0) plot.setSize({ width: box.clientWidth, height: box.clientHeight });
    }
    this.redraw();
  }
}

function broken(points: [number, number][]): [number, number | null][] {
  const made: [number, number | null][] = [];
  for (const [t, value] of points) {
    const last = made.at(-1);
    if (last && t - last[0] > GAP_S) made.push([last[0] + 0.01, null]);
    made.push([t, value]);
  }
  return made;
}

function empty(panel: Panel): uPlot.AlignedData {
  return [[0], ...panel.lines.map(() => [null])] as uPlot.AlignedData;
}

function legend(line: Line): HTMLElement {
  const key = h("span", { class: "key", "aria-hidden": "true" }, line.dots ? "●" : line.dash ? "╌" : "━");
  key.style.color = line.colour;
  return h("span", { class: "curve-name" }, key, ` ${words.rehearse.curve[line.name] ?? line.name}`);
}

function options(panel: Panel): uPlot.Options {
  return {
    width: 320,
    height: 150,
    cursor: { drag: { x: false, y: false } },
    legend: { show: false },
    scales: { x: { time: false } },
    axes: [
      { stroke: AXIS, grid: { stroke: "#2b343d" }, ticks: { stroke: "#2b343d" }, size: 26, values: (_, ticks) => ticks.map((t) => `${t} ${words.rehearse.minutes}`), space: 60 },
      { stroke: AXIS, grid: { stroke: "#2b343d" }, ticks: { stroke: "#2b343d" }, size: 42 },
    ],
    series: [
      {},
      ...panel.lines.map((line) => ({
        label: words.rehearse.curve[line.name] ?? line.name,
        stroke: line.colour,
        width: 1.5,
        spanGaps: false,
        points: { show: line.dots === true, size: 4 },
        ...(line.dash ? { dash: line.dash } : {}),
      })),
    ],
  };
}
