// A point as three numbers and three sliders that agree.

import { field, h } from "../dom";
import type { PointMm } from "../types";
import { words } from "../words";

export class PointFields {
  readonly root: HTMLElement;
  private readonly numbers: HTMLInputElement[] = [];
  private readonly sliders: HTMLInputElement[] = [];
  private value: PointMm = [0, 0, 0];

  constructor(
    readonly name: string,
    legend: string,
    private readonly changed: (point: PointMm) => void,
  ) {
    this.root = h("fieldset", { class: "point" }, h("legend", {}, legend));
    words.target.axes.forEach((axis, i) => {
      const number: HTMLInputElement = h("input", { type: "number", step: 0.1, min: -500, max: 500, id: `${name}-${i}`, change: () => this.take(i, number.value) });
      const slider: HTMLInputElement = h("input", { type: "range", step: 0.5, min: -120, max: 120, "aria-label": `${legend}: ${axis}`, change: () => this.take(i, slider.value), input: () => (number.value = slider.value) });
      this.numbers.push(number);
      this.sliders.push(slider);
      this.root.append(h("div", { class: "axis" }, field(axis, number, "mm"), slider));
    });
  }

  private take(i: number, value: string): void {
    const number = Number(value);
    if (!Number.isFinite(number)) return;
    const point: PointMm = [...this.value];
    point[i] = number;
    this.set(point);
    this.changed(point);
  }

  set(point: PointMm): void {
    this.value = [...point];
    point.forEach((value, i) => {
      const number = this.numbers[i];
      const slider = this.sliders[i];
      if (!number || !slider) return;
      if (document.activeElement !== number) number.value = value.toFixed(1);
      slider.min = String(Math.min(Number(slider.min), Math.floor(value - 60)));
      slider.max = String(Math.max(Number(slider.max), Math.ceil(value + 60)));
      slider.value = String(value);
    });
  }

  get(): PointMm {
    return [...this.value];
  }

  enable(allowed: boolean): void {
    for (const control of [...this.numbers, ...this.sliders]) if (control.disabled === allowed) control.disabled = !allowed;
  }
}
