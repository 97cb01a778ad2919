import { ask } from "../api";
import { field, fill, h, sentences } from "../dom";
import type { PointMm, Status, View } from "../types";
import { words } from "../words";
import { type Panel, type Shell, enable } from "./panel";
import { PointFields } from "./points";

export class TargetPanel implements Panel {
  readonly root: HTMLElement;
  private readonly named: HTMLSelectElement;
  private readonly point: PointFields;
  private readonly drag: HTMLInputElement;
  private readonly approve: HTMLButtonElement;
  private readonly told = h("div", { role: "status" });
  private known = "";
  private later = 0;

  constructor(private readonly shell: Shell) {
    this.named = h("select", { id: "target-name", change: () => this.name() });
    this.point = new PointFields("target", words.steps.target, (point) => this.aim(point));
    this.drag = h("input", { type: "checkbox", id: "drag-target", change: () => this.drag.checked && shell.viewer.look(this.point.get()) });
    this.approve = h("button", { type: "button", class: "primary", id: "approve-target", click: () => void this.approved() }, words.target.approve);
    this.root = h(
      "div",
      {},
      h("h2", {}, words.target.heading),
      field(words.target.named, this.named),
      h("div", { class: "field" }, this.drag, h("label", { for: "drag-target" }, `${words.head.move} ${words.head.moves["target"]}`)),
      this.point.root,
      this.told,
      this.approve,
    );
  }

  private name(): void {
    const name = this.named.value;
    if (name !== "") void this.shell.act(() => ask("target", { name }));
  }

  private aim(point: PointMm): void {
    this.shell.viewer.look(point);
    void this.shell.act(() => ask("target", { point_mm: point }));
  }

  /** The cross was dragged: the numbers follow at once, the server when it rests. */
  moved(point: PointMm): void {
    if (!this.drag.checked) return;
    this.point.set(point);
    clearTimeout(this.later);
    this.later = window.setTimeout(() => this.aim(point), 400);
  }

  private async approved(): Promise<void> {
    if (await this.shell.act(() => ask("approve/target"))) this.shell.go("plan");
  }

  update(view: View, _status: Status | null): void {
    const target = view.target;
    const free = this.shell.operates() && view.busy === null && view.head !== null && (view.run === null || view.run.over);
    const names = view.head?.target_names ?? [];
    fill(this.named, names, () => [h("option", { value: "" }, words.target.byHand), ...names.map((n) => h("option", { value: n }, n))]);
    const key = JSON.stringify(target?.point_mm ?? null) + (target?.name ?? "");
    if (target && key !== this.known) {
      this.known = key;
      this.point.set(target.point_mm);
      this.named.value = names.includes(target.name) ? target.name : "";
      this.shell.viewer.look(target.point_mm);
    }
    enable(this.named, free);
    enable(this.drag, free);
    this.point.enable(free);
    enable(this.approve, free && view.steps[2]?.state === "open" && target !== null && target.faults.length === 0);
    fill(this.told, target, () => {
      if (!target) return [];
      const rows = target.distances.map((d): [string, string] => [
        d.to,
        `${d.mm === null ? words.target.farther : `${d.mm.toFixed(1)} mm`}${d.least_mm === null ? "" : ` (${words.target.least(d.least_mm)})`}`,
      ]);
      const list = h("dl", { class: "facts" });
      const facts: [string, string][] = [
        [words.target.acpc, `${target.acpc_mm.map((v) => v.toFixed(1)).join(", ")} mm`],
        [words.target.error, `${target.error_mm.toFixed(1)} mm`],
        ...rows,
      ];
      for (const [label, value] of facts) list.append(h("dt", {}, label), h("dd", {}, value));
      const faults = target.faults.length > 0 ? sentences(target.faults) : h("p", {}, `✓ ${words.target.none}`);
      return [list, h("h3", {}, words.target.faults), faults, h("details", {}, h("summary", {}, words.target.source), h("p", {}, target.source))];
    });
  }
}
