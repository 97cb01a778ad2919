// The same viewer in a notebook: an anywidget module; volumes come from Python, nothing from elsewhere.

import { DRAG_MODE, MULTIPLANAR_TYPE, NVImage, Niivue, SHOW_RENDER, SLICE_TYPE } from "@niivue/niivue";

interface Layer {
  name: string;
  colormap: string;
  opacity: number;
  low: number;
  high: number;
}
interface Model {
  get(name: "layers"): Layer[];
  get(name: "contents"): DataView[];
  get(name: "disclaimer"): string;
  get(name: "height"): number;
}

async function render({ model, el }: { model: Model; el: HTMLElement }): Promise<() => void> {
  const canvas = document.createElement("canvas");
  const told = document.createElement("p");
  told.textContent = model.get("disclaimer");
  told.style.fontWeight = "600";
  const box = document.createElement("div");
  box.style.height = `${model.get("height")}px`;
  box.append(canvas);
  el.append(told, box);
  const viewer = new Niivue({
    dragMode: DRAG_MODE.pan,
    dragAndDropEnabled: false,
    isRadiologicalConvention: false,
    multiplanarLayout: MULTIPLANAR_TYPE.GRID,
    multiplanarShowRender: SHOW_RENDER.ALWAYS,
    logLevel: "error",
  });
  await viewer.attachToCanvas(canvas);
  viewer.setSliceType(SLICE_TYPE.MULTIPLANAR);
  const contents = model.get("contents");
  for (const [i, layer] of model.get("layers").entries()) {
    const view = contents[i];
    if (!view) continue;
    const content = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    const image = await NVImage.loadFromUrl({
      url: content as unknown as string,
      name: `${layer.name}.nii`,
      colormap: layer.colormap,
      opacity: layer.opacity,
      cal_min: layer.low,
      cal_max: layer.high,
    });
    viewer.addVolume(image);
  }
  el.dataset["shown"] = String(viewer.volumes.length);
  return () => viewer.cleanup();
}

export default { render };
