import { ask, upload } from "../api";
import { facts, field, fill, h, sentences, show, text } from "../dom";
import type { Status, View } from "../types";
import { words } from "../words";
import { type Panel, type Shell, enable } from "./panel";

export class ImagesPanel implements Panel {
  readonly root: HTMLElement;
  private readonly given: HTMLButtonElement;
  private readonly phantom: HTMLButtonElement;
  private readonly uploaded: HTMLButtonElement;
  private readonly confirm: HTMLButtonElement;
  private readonly mapping: HTMLSelectElement;
  private readonly frequency: HTMLInputElement;
  private readonly told = h("p", { role: "status", class: "told" });
  private readonly quality = h("div");
  private readonly check: HTMLElement;
  private readonly mr = h("p");

  constructor(private readonly shell: Shell) {
    const open = (what: string) => () => void shell.act(() => ask("open", { what, mapping: this.mapping.value, frequency_khz: Number(this.frequency.value) }));
    this.given = h("button", { type: "button", class: "primary", id: "open-given", click: open("given") });
    this.phantom = h("button", { type: "button", id: "open-phantom", click: open("phantom") }, words.images.phantom);
    this.uploaded = h("button", { type: "button", click: open("upload") }, words.images.openUpload);
    this.mapping = h("select", { id: "mapping" });
    this.frequency = h("input", { type: "number", id: "frequency", min: 200, max: 1000, step: 10, value: 650 });
    this.confirm = h("button", { type: "button", class: "primary", id: "approve-images", click: () => void this.confirmed() }, words.images.confirm);
    this.check = h("section", {}, h("h3", {}, words.images.registration), h("p", {}, words.images.registrationHelp), this.mr, this.confirm);
    this.root = h(
      "div",
      {},
      h("h2", {}, words.images.heading),
      h("div", { class: "row" }, this.given, this.phantom),
      h("div", { class: "row" }, field(words.images.mapping, this.mapping), field(words.images.frequency, this.frequency, "kHz")),
      this.drop("ct", words.images.drop),
      this.drop("mr", words.images.dropMr),
      this.told,
      this.uploaded,
      this.check,
      this.quality,
    );
  }

  private async confirmed(): Promise<void> {
    if (await this.shell.act(() => ask("approve/images"))) this.shell.go("head");
  }

  private drop(kind: string, label: string): HTMLElement {
    const files = h("input", { type: "file", multiple: true, class: "hidden-file", id: `files-${kind}`, change: () => void this.send(kind, [...(files.files ?? [])]) });
    const area = h("div", { class: "drop" }, h("label", { for: `files-${kind}` }, label), files);
    area.addEventListener("dragover", (event) => event.preventDefault());
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      void filesOf(event.dataTransfer).then((found) => this.send(kind, found));
    });
    return area;
  }

  private async send(kind: string, files: File[]): Promise<void> {
    if (files.length === 0) return;
    await this.shell.act(async () => {
      await ask(`uploads/${kind}`, {}, "DELETE");
      let done = 0;
      for (const file of files) {
        text(this.told, words.images.uploading((done += 1), files.length));
        await upload(kind, file, done);
      }
      text(this.told, words.images.looking);
      await ask(`uploads/${kind}/look`);
      text(this.told, words.images.usable);
    }).then((done) => {
      if (!done) text(this.told, "");
    });
  }

  update(view: View, _status: Status | null): void {
    const free = this.shell.operates() && view.busy === null && (view.run === null || view.run.over);
    show(this.given, view.given !== "");
    text(this.given, words.images.sample(view.given));
    fill(this.mapping, view.mappings, () => view.mappings.map((m) => h("option", { value: m }, m)));
    for (const control of [this.given, this.phantom, this.uploaded]) enable(control, free);
    show(this.uploaded, view.uploads.includes("ct"));
    fill(this.quality, view.head, () =>
      view.head === null
        ? []
        : [h("h3", {}, words.images.coverage), facts(view.head.facts), h("h3", {}, words.images.notes), sentences(view.head.notes)],
    );
    show(this.check, view.head?.ready === true);
    text(this.mr, view.head?.mr_words ?? "");
    enable(this.confirm, free && view.steps[0]?.state === "open");
  }
}

/** The files of a drop, with those of dropped folders. */
async function filesOf(transfer: DataTransfer | null): Promise<File[]> {
  if (transfer === null) return [];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((e) => e !== null);
  const found: File[] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (found.length >= 2000) return;
    if (entry.isFile) {
      found.push(await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed)));
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const part = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
      if (part.length === 0) return;
      for (const inner of part) await walk(inner);
    }
  };
  if (entries.length === 0) return [...transfer.files]; // a browser without folders
  for (const entry of entries) await walk(entry);
  return found;
}
