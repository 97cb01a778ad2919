// The live thermometry slice on a plain canvas: grey magnitude, rise in colour, contours, marks, age.

import { h, text } from "./dom";
import type { Frame } from "./types";
import { words } from "./words";

const CONTOURS: [number, string, number[]][] = [
  [43, "#7cc4ff", []],
  [50, "#f0b429", [6, 3]],
  [55, "#ff7d6b", [2, 2]],
];
const LOW_K = 2;
const HIGH_K = 22;
/** Tissue stays darker than what is warm. */
const GREY = 0.6;

export class Slice {
  readonly root: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  private readonly words: HTMLElement;
  private readonly age: HTMLElement;
  private readonly small = document.createElement("canvas");
  private frame: Frame | null = null;
  private live = true;

  constructor() {
    this.canvas = h("canvas", { width: 480, height: 480, role: "img", "aria-label": words.rehearse.live, id: "slice-canvas" });
    this.words = h("p", { class: "slice-words" }, words.rehearse.noFrame);
    this.age = h("p", { class: "slice-age" });
    this.root = h("figure", { class: "slice" }, this.canvas, h("figcaption", {}, this.words, this.age, h("p", { class: "help" }, words.rehearse.marks)));
    setInterval(() => this.tell(), 100);
  }

  clear(): void {
    this.frame = null;
    this.canvas.getContext("2d")?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    text(this.words, words.rehearse.noFrame);
    text(this.age, "");
  }

  draw(frame: Frame, live = true): void {
    this.frame = frame;
    this.live = live;
    const context = this.canvas.getContext("2d");
    const [ni, nj] = frame.about.shape;
    if (!context) return;
    this.paint(frame, ni, nj);
    const { width, height } = this.canvas;
    context.imageSmoothingEnabled = false;
    context.fillStyle = "#0f1317";
    context.fillRect(0, 0, width, height);
    context.drawImage(this.small, 0, 0, width, height);
    this.contours(context, frame, width / ni, height / nj);
    this.marks(context, frame, width / ni, height / nj);
    const a = frame.about;
    text(
      this.words,
      `${a.orientation}, ${words.rehearse.sonication} ${a.sonication}, frame ${a.frame}: ${a.peak_degc.toFixed(1)} ± ${a.sigma_k.toFixed(1)} °C`,
    );
    this.canvas.dataset["frame"] = `${a.sonication}/${a.frame}`;
    this.canvas.dataset["wall"] = String(a.wall);
    this.tell();
  }

  private tell(): void {
    if (!this.frame) return;
    text(this.age, this.live ? words.rehearse.age(Math.max(0, Date.now() / 1000 - this.frame.about.wall)) : "");
  }

  private paint(frame: Frame, ni: number, nj: number): void {
    this.small.width = ni;
    this.small.height = nj;
    const context = this.small.getContext("2d");
    if (!context) return;
    const image = context.createImageData(ni, nj);
    for (let i = 0; i < ni; i += 1) {
      for (let j = 0; j < nj; j += 1) {
        // index i runs to the right, index j upwards
        const to = 4 * ((nj - 1 - j) * ni + i);
        const from = i * nj + j;
        const grey = GREY * (frame.grey[from] ?? 0);
        const rise = frame.rise[from] ?? NaN;
        const share = Number.isNaN(rise) ? 0 : Math.min(1, Math.max(0, (rise - LOW_K) / (HIGH_K - LOW_K)));
        const mix = share > 0 ? 0.35 + 0.6 * share : 0;
        const [r, g, b] = warm(share);
        image.data[to] = grey * (1 - mix) + r * mix;
        image.data[to + 1] = grey * (1 - mix) + g * mix;
        image.data[to + 2] = grey * (1 - mix) + b * mix;
        image.data[to + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
  }

  private contours(context: CanvasRenderingContext2D, frame: Frame, sx: number, sy: number): void {
    const [ni, nj] = frame.about.shape;
    const value = (i: number, j: number): number => {
      const rise = frame.rise[i * nj + j] ?? NaN;
      return Number.isNaN(rise) ? 0 : frame.about.baseline_degc + rise;
    };
    for (const [level, colour, dash] of CONTOURS) {
      context.beginPath();
      for (let i = 0; i + 1 < ni; i += 1) {
        for (let j = 0; j + 1 < nj; j += 1) {
          const corners: [number, number, number][] = [
            [i, j, value(i, j)],
            [i + 1, j, value(i + 1, j)],
            [i + 1, j + 1, value(i + 1, j + 1)],
            [i, j + 1, value(i, j + 1)],
          ];
          const cuts = crossings(corners, level);
          if (cuts.length < 2 || !cuts[0] || !cuts[1]) continue;
          context.moveTo((cuts[0][0] + 0.5) * sx, (nj - 0.5 - cuts[0][1]) * sy);
          context.lineTo((cuts[1][0] + 0.5) * sx, (nj - 0.5 - cuts[1][1]) * sy);
        }
      }
      context.strokeStyle = colour;
      context.lineWidth = 2;
      context.setLineDash(dash);
      context.stroke();
    }
    context.setLineDash([]);
  }

  private marks(context: CanvasRenderingContext2D, frame: Frame, sx: number, sy: number): void {
    const nj = frame.about.shape[1];
    const put = (p: [number, number]): [number, number] => [(p[0] + 0.5) * sx, (nj - 0.5 - p[1]) * sy];
    const [x, y] = put(frame.about.target);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x - 12, y);
    context.lineTo(x + 12, y);
    context.moveTo(x, y - 12);
    context.lineTo(x, y + 12);
    context.stroke();
    if (frame.about.focus) {
      const [u, v] = put(frame.about.focus);
      context.beginPath();
      context.arc(u, v, 10, 0, 2 * Math.PI);
      context.strokeStyle = "#7cf5d0";
      context.stroke();
    }
    context.fillStyle = "#ffffff";
    context.font = "16px sans-serif";
    const [right, up] = frame.about.directions;
    context.fillText(right, this.canvas.width - 20, this.canvas.height / 2);
    context.fillText(up, this.canvas.width / 2 - 5, 20);
    const scale = (10 / frame.about.spacing_mm[0]) * sx;
    context.fillRect(12, this.canvas.height - 16, scale, 3);
    context.fillText("10 mm", 12, this.canvas.height - 22);
  }
}

function crossings(corners: [number, number, number][], level: number): [number, number][] {
  const found: [number, number][] = [];
  for (let k = 0; k < 4; k += 1) {
    const a = corners[k];
    const b = corners[(k + 1) % 4];
    if (!a || !b || a[2] >= level === b[2] >= level) continue;
    const share = (level - a[2]) / (b[2] - a[2]);
    found.push([a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])]);
  }
  return found;
}

/** From dark red over orange to light yellow: lightness rises throughout. */
function warm(share: number): [number, number, number] {
  return [Math.min(255, 120 + 220 * share), Math.min(255, 20 + 230 * share), Math.min(200, 20 + 180 * share * share)];
}
