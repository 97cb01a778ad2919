// The array's elements seen from above: state by shape and colour, reason on pointing or by keys.

import { h, select, field, text, fill } from "./dom";
import type { Elements, PlanView } from "./types";
import { words } from "./words";

// Okabe and Ito's colours: told apart with any colour vision
export const STATE_COLOURS = ["#56b4e9", "#f0e442", "#e69f00", "#d55e00", "#cc79a7", "#999999", "#ffffff", "#009e73"];
const SHAPES = ["●", "▲", "■", "◆", "✚", "✖", "★", "▼"];

export class Helmet {
  readonly root: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly told: HTMLElement;
  private readonly legend = h("ul", { class: "legend-list" });
  private elements: Elements | null = null;
  private plan: PlanView | null = null;
  /** What colours mean, here and in 3-D: state, sdr or angle. */
  by = "state";
  onColour: () => void = () => undefined;
  private places: [number, number][] = [];
  private chosen = -1;

  constructor() {
    this.canvas = h("canvas", { width: 360, height: 360, tabindex: 0, role: "img", "aria-label": words.plan.helmet, class: "helmet" });
    this.told = h("output", { class: "told", "aria-live": "polite" }, words.plan.helmetHelp);
    const colour = select(Object.entries(words.plan.colours), (value) => {
      this.by = value;
      this.draw();
      this.onColour();
    });
    this.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.root = h("div", { class: "helmet-box" }, field(words.plan.colour, colour), this.canvas, this.told, this.legend);
  }

  show(elements: Elements, plan: PlanView): void {
    if (this.elements === elements) return;
    this.elements = elements;
    this.plan = plan;
    this.chosen = -1;
    fill(this.legend, plan.state_counts, () =>
      plan.state_names.map((name, i) =>
        (plan.state_counts[i] ?? 0) > 0 ? h("li", {}, mark(i), ` ${plan.state_counts[i]} ${name}`) : null,
      ),
    );
    this.draw();
  }

  private draw(): void {
    const context = this.canvas.getContext("2d");
    const e = this.elements;
    if (!context || !e) return;
    const { width, height } = this.canvas;
    context.fillStyle = "#0f1317";
    context.fillRect(0, 0, width, height);
    const n = e.state.length;
    let cx = 0;
    let cy = 0;
    for (let i = 0; i < n; i += 1) {
      cx += (e.position_mm[3 * i] ?? 0) / n;
      cy += (e.position_mm[3 * i + 1] ?? 0) / n;
    }
    const reach = 172;
    this.places = [];
    for (let i = 0; i < n; i += 1) {
      const x = width / 2 + (((e.position_mm[3 * i] ?? 0) - cx) / reach) * (width / 2);
      const y = height / 2 - (((e.position_mm[3 * i + 1] ?? 0) - cy) / reach) * (height / 2);
      this.places.push([x, y]);
      context.fillStyle = this.colour(e, i);
      context.font = "11px sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(SHAPES[e.state[i] ?? 0] ?? "●", x, y);
    }
    const at = this.places[this.chosen];
    if (at) {
      context.strokeStyle = "#ffffff";
      context.lineWidth = 2;
      context.strokeRect(at[0] - 7, at[1] - 7, 14, 14);
    }
    context.fillStyle = "#ffffff";
    context.font = "14px sans-serif";
    context.fillText("A", width / 2, 10);
    context.fillText("L", 10, height / 2);
    context.fillText("R", width - 10, height / 2);
    context.fillText("P", width / 2, height - 10);
  }

  private colour(e: Elements, i: number): string {
    if (this.by === "state") return STATE_COLOURS[e.state[i] ?? 0] ?? "#ffffff";
    const share = shareOf(e, i, this.by);
    if (share < 0) return "#5b6570";
    return `hsl(${260 - 210 * share} 80% ${35 + 35 * share}%)`;
  }

  private point(event: MouseEvent): void {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.canvas.width;
    const y = ((event.clientY - box.top) / box.height) * this.canvas.height;
    let best = -1;
    let least = 100;
    this.places.forEach(([u, v], i) => {
      const far = (u - x) ** 2 + (v - y) ** 2;
      if (far < least) [best, least] = [i, far];
    });
    this.choose(best);
  }

  private key(event: KeyboardEvent): void {
    const by: Record<string, number> = { ArrowRight: 1, ArrowDown: 16, ArrowLeft: -1, ArrowUp: -16 };
    const step = by[event.key];
    if (step === undefined || this.places.length === 0) return;
    event.preventDefault();
    this.choose((Math.max(0, this.chosen) + step + this.places.length) % this.places.length);
  }

  private choose(i: number): void {
    if (i < 0 || i === this.chosen || !this.elements || !this.plan) return;
    this.chosen = i;
    const state = this.plan.state_names[this.elements.state[i] ?? 0] ?? "";
    const sdr = this.elements.sdr[i] ?? -1;
    const angle = this.elements.angle_deg[i] ?? -1;
    text(
      this.told,
      `${words.plan.element} ${i + 1}: ${state}; SDR ${sdr < 0 ? "–" : sdr.toFixed(2)}, angle ${angle < 0 ? "–" : angle.toFixed(0)}°.`,
    );
    this.draw();
  }
}

/** Where an element lies on the scale of SDR (0 to 1) or angle (0° to 40°), 0 to 1; below 0 where that is not known. */
export function shareOf(e: Elements, i: number, by: string): number {
  const value = by === "sdr" ? (e.sdr[i] ?? -1) : (e.angle_deg[i] ?? -1) / 40;
  return value < 0 ? -1 : Math.min(1, value);
}

function mark(i: number): HTMLElement {
  const made = h("span", { "aria-hidden": "true" }, SHAPES[i] ?? "●");
  made.style.color = STATE_COLOURS[i] ?? "#ffffff";
  return made;
}
