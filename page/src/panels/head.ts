import { ask } from "../api";
import { facts, field, fill, h, select } from "../dom";
import type { PointMm, Status, View } from "../types";
import { words } from "../words";
import { type Panel, type Shell, enable } from "./panel";
import { PointFields } from "./points";

export class HeadPanel implements Panel {
  readonly root: HTMLElement;
  private readonly ac: PointFields;
  private readonly pc: PointFields;
  private readonly place: HTMLButtonElement;
  private readonly undo: HTMLButtonElement;
  private readonly approve: HTMLButtonElement;
  private readonly facts = h("div");
  private found: [PointMm, PointMm] | null = null;
  private known = "";
  private moves = "look";

  constructor(private readonly shell: Shell) {
    const look = (point: PointMm): void => shell.viewer.look(point);
    this.ac = new PointFields("ac", words.head.ac, look);
    this.pc = new PointFields("pc", words.head.pc, look);
    const mode = select(
      ["look", "ac", "pc"].map((m) => [m, words.head.moves[m] ?? m]),
      (value) => {
        this.moves = value;
        if (value === "ac") look(this.ac.get());
        if (value === "pc") look(this.pc.get());
      },
    );
    const send = (ac: PointMm, pc: PointMm) => () => void shell.act(() => ask("landmarks", { ac_mm: ac, pc_mm: pc }));
    this.place = h("button", { type: "button", id: "place-landmarks", click: () => send(this.ac.get(), this.pc.get())() }, words.head.place);
    this.undo = h("button", { type: "button", click: () => this.found && send(this.found[0], this.found[1])() }, words.head.undo);
    this.approve = h("button", { type: "button", class: "primary", id: "approve-head", click: () => void this.approved() }, words.head.approve);
    this.root = h(
      "div",
      {},
      h("h2", {}, words.head.heading),
      h("p", {}, words.head.tissues),
      field(words.head.move, mode),
      this.ac.root,
      this.pc.root,
      h("div", { class: "row" }, this.place, this.undo),
      this.approve,
      this.facts,
    );
  }

  private async approved(): Promise<void> {
    if (await this.shell.act(() => ask("approve/head"))) this.shell.go("target");
  }

  moved(point: PointMm): void {
    if (this.moves === "ac") this.ac.set(point);
    if (this.moves === "pc") this.pc.set(point);
  }

  update(view: View, _status: Status | null): void {
    const head = view.head;
    const free = this.shell.operates() && view.busy === null && head !== null && (view.run === null || view.run.over);
    if (head?.ac_mm && head.pc_mm) {
      const key = JSON.stringify([head.ac_mm, head.pc_mm]);
      if (key !== this.known) {
        this.known = key;
        this.ac.set(head.ac_mm);
        this.pc.set(head.pc_mm);
        if (head.facts.every((f) => f.value !== "given by hand")) this.found = [head.ac_mm, head.pc_mm];
      }
    }
    for (const button of [this.place, this.undo]) enable(button, free);
    this.ac.enable(free);
    this.pc.enable(free);
    enable(this.approve, free && view.steps[1]?.state === "open");
    fill(this.facts, head?.facts, () => (head ? [facts(head.facts)] : []));
  }
}
