// Small helpers to build the page without markup in strings.

type Child = Node | string | null | undefined;
type Attributes = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}

export function text(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

export function show(element: HTMLElement, shown: boolean): void {
  if (element.hidden === shown) element.hidden = !shown;
}

const drawn = new WeakMap<Element, string>();

/** Replace the children of an element only when what they show has changed. */
export function fill(element: Element, what: unknown, make: () => Child[]): void {
  const key = JSON.stringify(what) ?? "";
  if (drawn.get(element) === key) return;
  drawn.set(element, key);
  element.replaceChildren(...make().filter((c): c is Node | string => c !== null && c !== undefined));
}

let count = 0;

/** A labelled field: label, control, unit. */
export function field(label: string, control: HTMLElement, unit = ""): HTMLElement {
  count += 1;
  const id = control.id || `field-${count}`;
  control.id = id;
  return h("div", { class: "field" }, h("label", { for: id }, label), control, unit ? h("span", { class: "unit" }, unit) : null);
}

export function select(options: [string, string][], changed: (value: string) => void): HTMLSelectElement {
  const made = h("select", { change: () => changed(made.value) });
  for (const [value, label] of options) made.append(h("option", { value }, label));
  return made;
}

export function facts(rows: { label: string; value: string; unit: string }[]): HTMLElement {
  const list = h("dl", { class: "facts" });
  for (const row of rows) {
    list.append(h("dt", {}, row.label), h("dd", {}, row.unit && row.unit !== "1" ? `${row.value} ${row.unit}` : row.value));
  }
  return list;
}

export function sentences(rows: string[]): HTMLElement {
  return h("ul", { class: "notes" }, ...rows.map((row) => h("li", {}, row)));
}

export function table(columns: string[], rows: string[][], caption: string): HTMLElement {
  return h(
    "table",
    {},
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...columns.map((c) => h("th", { scope: "col" }, c)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((c, i) => (i === 0 ? h("th", { scope: "row" }, c) : h("td", {}, c)))))),
  );
}

export function clock(seconds: number): string {
  const all = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor((all % 3600) / 60);
  const rest = String(all % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
