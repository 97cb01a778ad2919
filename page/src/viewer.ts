// The head in three planes and in 3-D: NiiVue, fed with volumes of this server alone.

import { DRAG_MODE, MULTIPLANAR_TYPE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";

import { bytes } from "./api";
import { field, fill, h, select, show, text } from "./dom";
import { shareOf } from "./helmet";
import type { Elements, PointMm, VolumeView } from "./types";
import { words } from "./words";

export interface Mark {
  name: string;
  point: PointMm;
  value: number;
  size: number;
}

const COLOURS: Record<string, string> = {
  mr: "warm",
  field: "viridis",
  temperature: "inferno",
};

const TISSUES = {
  R: [0, 0, 230, 240, 90],
  G: [0, 190, 160, 228, 180],
  B: [0, 255, 60, 140, 233],
  A: [0, 200, 110, 140, 110],
  I: [0, 1, 2, 3, 4],
  labels: ["water", "air", "scalp", "skull", "brain"],
};
const NO_PASS = {
  R: [0, 213, 204, 240],
  G: [0, 94, 121, 228],
  B: [0, 0, 167, 66],
  A: [0, 190, 190, 190],
  I: [0, 1, 2, 3],
  labels: ["free", "air cells", "frontal sinus", "gap in the bone"],
};

export class Viewer {
  readonly root: HTMLElement;
  onMove: (point: PointMm) => void = () => undefined;
  private readonly nv: Niivue;
  private readonly canvas: HTMLCanvasElement;
  private readonly place: HTMLElement;
  private readonly state: HTMLElement;
  private readonly overlayChoice: HTMLSelectElement;
  private readonly fader: HTMLInputElement;
  private readonly faderField: HTMLElement;
  private readonly legend: HTMLElement;
  private readonly layout: HTMLSelectElement;
  private versions = new Map<string, number>();
  private overlay = "none";
  private views: VolumeView[] = [];
  private marksKey = "";
  private marked: Elements | null = null;
  /** Whether the picture can be drawn: not before it is attached, never without WebGL 2. */
  private works = false;
  private moving = false;
  /** Whether its step is open. Nothing is loaded or drawn for a step that is not: without a graphics card a scene takes
   * seconds, and the live slice would wait for it. */
  private seen = true;
  /** While volumes come, planes alone are drawn: the 3-D scene of a whole head takes a second without a graphics card. */
  private loading = false;
  private queue: Promise<void> = Promise.resolve();

  constructor() {
    this.canvas = h("canvas", { id: "head-canvas", tabindex: 0, "aria-label": words.viewer.label, role: "img", "aria-describedby": "head-help" });
    this.place = h("output", { class: "place", "aria-live": "off" });
    this.state = h("p", { class: "viewer-state", role: "status" }, words.viewer.none);
    this.overlayChoice = h("select", { change: () => this.choose(this.overlayChoice.value) });
    this.fader = h("input", { type: "range", min: 0, max: 1, step: 0.02, value: 0.5, input: () => this.fade() });
    this.faderField = field(words.viewer.fader, this.fader);
    this.legend = h("p", { class: "legend" });
    this.layout = select(
      [
        ["both", words.viewer.both],
        ["planes", words.viewer.planes],
        ["render", words.viewer.render],
      ],
      (value) => this.arrange(value),
    );
    this.root = h(
      "section",
      { class: "viewer", "aria-label": words.viewer.label },
      h("div", { class: "canvas-box" }, this.canvas, this.state),
      h("div", { class: "viewer-bar" }, field(words.viewer.overlay, this.overlayChoice), this.faderField, field(words.viewer.layout, this.layout), this.place),
      this.legend,
      h("p", { class: "help", id: "head-help" }, words.viewer.help),
    );
    this.nv = new Niivue({
      backColor: [0.06, 0.075, 0.09, 1],
      crosshairColor: [0.49, 0.77, 1, 0.8],
      crosshairWidth: 1,
      crosshairGap: 6,
      show3Dcrosshair: true,
      isColorbar: false,
      isRadiologicalConvention: false,
      dragAndDropEnabled: false,
      dragMode: DRAG_MODE.pan,
      multiplanarLayout: MULTIPLANAR_TYPE.GRID,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      meshThicknessOn2D: 4,
      loadingText: "",
      logLevel: "error",
      sagittalNoseLeft: true,
    });
    const draw = this.nv.drawScene.bind(this.nv);
    this.nv.drawScene = () => (this.seen ? draw() : undefined);
    this.nv.onLocationChange = (location: unknown) => this.located(location);
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** Attach once the canvas stands in the page. */
  async attach(): Promise<void> {
    try {
      await this.nv.attachToCanvas(this.canvas);
      this.works = true;
      this.arrange(this.layout.value);
    } catch {
      text(this.state, words.viewer.failed);
    }
  }

  /** Show the viewer, or leave it alone until it is shown again. */
  see(on: boolean): void {
    this.seen = on;
    show(this.root, on);
  }

  /** Planes, 3-D, or both; without a graphics card planes alone follow a hand at once. */
  arrange(value: string): void {
    this.layout.value = value;
    if (!this.works) return;
    if (this.loading) value = "planes";
    this.nv.opts.multiplanarShowRender = value === "both" ? SHOW_RENDER.ALWAYS : SHOW_RENDER.NEVER;
    this.nv.setSliceType(value === "render" ? SLICE_TYPE.RENDER : SLICE_TYPE.MULTIPLANAR);
  }

  private located(location: unknown): void {
    const mm = (location as { mm?: ArrayLike<number> }).mm;
    if (!mm || mm[0] === undefined || mm[1] === undefined || mm[2] === undefined) return;
    const point: PointMm = [round(mm[0]), round(mm[1]), round(mm[2])];
    text(this.place, `${words.viewer.at} ${point.map((v) => v.toFixed(1)).join(", ")} ${words.viewer.mm}`);
    if (!this.moving) this.onMove(point);
  }

  private key(event: KeyboardEvent): void {
    const steps: Record<string, PointMm> = {
      ArrowLeft: [-1, 0, 0],
      ArrowRight: [1, 0, 0],
      ArrowUp: [0, 1, 0],
      ArrowDown: [0, -1, 0],
      PageUp: [0, 0, 1],
      PageDown: [0, 0, -1],
    };
    const step = steps[event.key];
    if (!step || this.nv.volumes.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.cross();
    this.look([at[0] + step[0], at[1] + step[1], at[2] + step[2]]);
    this.onMove(this.cross());
  }

  cross(): PointMm {
    const mm = this.nv.frac2mm(this.nv.scene.crosshairPos);
    return [round(mm[0] ?? 0), round(mm[1] ?? 0), round(mm[2] ?? 0)];
  }

  /** Move the cross without telling anybody. */
  look(point: PointMm): void {
    if (this.nv.volumes.length === 0) return;
    this.moving = true;
    this.nv.scene.crosshairPos = this.nv.mm2frac(point);
    this.nv.createOnLocationChange();
    this.moving = false;
    this.nv.drawScene();
  }

  /** Show what the server has; called with every view. */
  update(views: VolumeView[]): void {
    this.views = views;
    const names = ["none", ...views.map((v) => v.name).filter((n) => n !== "ct")];
    fill(this.overlayChoice, names, () => names.map((n) => h("option", { value: n }, words.viewer.overlays[n] ?? n)));
    if (!names.includes(this.overlay)) this.overlay = "none";
    this.overlayChoice.value = this.overlay;
    show(this.faderField, this.overlay !== "none");
    this.queue = this.queue.then(() => this.load()).catch(() => undefined);
  }

  choose(name: string): void {
    if (this.overlay === name) return;
    if (name !== "none" && !this.views.some((v) => v.name === name)) return;
    this.overlay = name;
    this.update(this.views);
  }

  private async load(): Promise<void> {
    if (!this.works || !this.seen) return;
    const wanted = this.views.filter((v) => v.name === "ct" || v.name === this.overlay);
    const key = (v: VolumeView): string => `${v.name}@${v.version}`;
    const shown = this.nv.volumes.map((v) => v.name);
    const names = wanted.map(key);
    if (names.length === shown.length && names.every((n, i) => n === shown[i])) return;
    if (wanted.length === 0) {
      for (const volume of [...this.nv.volumes]) this.nv.removeVolume(volume);
      text(this.state, words.viewer.none);
      show(this.state, true);
      return;
    }
    if (shown[0] !== names[0]) {
      text(this.state, words.viewer.loading);
      show(this.state, true);
      for (const volume of [...this.nv.volumes]) this.nv.removeVolume(volume);
    } else for (const volume of this.nv.volumes.slice(1)) this.nv.removeVolume(volume);
    this.loading = true;
    this.arrange(this.layout.value);
    try {
      for (const view of wanted.slice(this.nv.volumes.length)) {
        this.nv.addVolume(await this.image(view, key(view)));
        this.told();
        if (performance.getEntriesByName("first-picture").length === 0) performance.mark("first-picture");
        await painted();
      }
    } finally {
      this.loading = false;
      this.told();
      this.arrange(this.layout.value);
    }
  }

  /** Say what is drawn: fader, legend, and what tests look for. */
  private told(): void {
    this.fade();
    show(this.state, false);
    this.canvas.dataset["shown"] = this.nv.volumes.map((v) => v.name).join(" ");
  }

  private async image(view: VolumeView, name: string): Promise<NVImage> {
    const content = await bytes(`volumes/${view.name}?v=${view.version}`);
    const image = await NVImage.loadFromUrl({
      url: content as unknown as string,
      name: `${view.name}.nii`,
      colormap: COLOURS[view.name] ?? "gray",
      opacity: 1,
      cal_min: view.low,
      cal_max: view.high,
      trustCalMinMax: false,
    });
    image.name = name;
    image.cal_min = view.name === "field" ? 0.1 * view.high : view.name === "temperature" ? 40 : view.low;
    image.cal_max = view.high;
    if (view.name === "labels") image.setColormapLabel(TISSUES);
    if (view.name === "nopass") image.setColormapLabel(NO_PASS);
    this.versions.set(view.name, view.version);
    return image;
  }

  private fade(): void {
    if (this.nv.volumes.length > 1) this.nv.setOpacity(1, Number(this.fader.value));
    const view = this.views.find((v) => v.name === this.overlay);
    const { labels, nopass, colours } = words.viewer.legends;
    const named: Record<string, string> = {
      labels,
      nopass,
      field: view ? colours((0.1 * view.high).toFixed(0), view.high.toFixed(0), view.unit) : "",
      temperature: view ? colours("40", view.high.toFixed(1), view.unit) : "",
    };
    text(this.legend, named[this.overlay] ?? "");
  }

  /** Put marks (AC, PC, target) and the array's elements into the scene. */
  marks(marks: Mark[], elements: Elements | null, by = "state"): void {
    const key = JSON.stringify([marks, by, this.nv.volumes.length > 0]);
    const known = key === this.marksKey && elements === this.marked;
    if (!this.works || !this.seen || known || this.nv.volumes.length === 0) return;
    this.marksKey = key;
    this.marked = elements;
    for (const mesh of [...this.nv.meshes]) this.nv.removeMesh(mesh);
    if (marks.length > 0) this.nv.addMesh(this.nv.loadConnectomeAsMesh(nodes("marks", marks, "actc", 0, 4)));
    if (elements !== null) {
      const dots = elements.state.map((state, i) => ({
        name: "",
        point: [at(elements, i, 0), at(elements, i, 1), at(elements, i, 2)] as PointMm,
        value: by === "state" ? (state === 0 ? 1.4 : 4) : 4 * Math.max(0, shareOf(elements, i, by)),
        size: 1,
      }));
      this.nv.addMesh(this.nv.loadConnectomeAsMesh(nodes("elements", dots, "viridis", 0, 4)));
    }
    this.nv.drawScene();
  }
}

/** Wait until what was drawn is seen, so that a picture never waits for the one after it. */
function painted(): Promise<void> {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done, 0));
  });
}

function at(elements: Elements, i: number, axis: number): number {
  return elements.position_mm[3 * i + axis] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function nodes(name: string, marks: Mark[], colormap: string, low: number, high: number): Parameters<Niivue["loadConnectomeAsMesh"]>[0] {
  return {
    name,
    nodeColormap: colormap,
    nodeColormapNegative: "",
    nodeMinColor: low,
    nodeMaxColor: high,
    nodeScale: 2.4,
    edgeColormap: "warm",
    edgeColormapNegative: "",
    edgeMin: 0,
    edgeMax: 1,
    edgeScale: 1,
    legendLineThickness: 0,
    showLegend: false,
    nodes: marks.map((m) => ({ name: m.name, x: m.point[0], y: m.point[1], z: m.point[2], colorValue: m.value, sizeValue: m.size })),
    edges: [],
  } as unknown as Parameters<Niivue["loadConnectomeAsMesh"]>[0];
}
