import { ask } from "../api";
import { Curves } from "../curves";
import { clock, facts, field, fill, h, select, show, text } from "../dom";
import { Slice } from "../slice";
import type { AlarmView, GuardView, Note, ProposalView, Status, View } from "../types";
import { words } from "../words";
import { type Panel, type Shell, enable } from "./panel";

const MOST_NOTES = 150;
/** Stop stands by itself, always in the same place. */
const APART = new Set(["stop"]);
/** Stands with the alarms, and is there only while there are some. */
const ACKNOWLEDGE = "acknowledge";

export class RehearsePanel implements Panel {
  readonly root: HTMLElement;
  readonly slice = new Slice();
  readonly curves = new Curves();
  private readonly setup: HTMLElement;
  private readonly running: HTMLElement;
  private readonly scenario = h("select", { id: "scenario", change: () => this.describe() });
  private readonly about = h("p", { class: "told" });
  private readonly seed = h("input", { type: "number", id: "seed", min: 0, max: 2147483647, step: 1, value: 1 });
  private readonly speed = select(["1", "2", "5", "10", "20", "50"].map((s) => [s, s]), () => this.faster());
  private readonly begin: HTMLButtonElement;
  private readonly headline = h("p", { class: "headline", role: "status", id: "state-words" });
  private readonly next = h("p", { class: "next" });
  private readonly numbers = h("p", { class: "numbers" });
  private readonly why = h("input", { type: "text", id: "why", maxlength: 400 });
  private readonly buttons = h("div", { class: "verbs" });
  private readonly power = h("input", { type: "number", id: "power", min: 1, max: 5000, step: 1 });
  private readonly duration = h("input", { type: "number", id: "duration", min: 1, max: 120, step: 1 });
  private readonly proposal = h("div", { class: "proposal" });
  private readonly alarmsHead = h("h3", { role: "alert" });
  private readonly alarmList = h("ul");
  private readonly hear = h("button", { type: "button", "data-verb": ACKNOWLEDGE, class: "primary", click: () => this.ask(ACKNOWLEDGE) }, words.rehearse.verbs[ACKNOWLEDGE] ?? ACKNOWLEDGE);
  private readonly later = h("p", { class: "help" }, words.rehearse.acknowledgeLater);
  private readonly alarms = h("section", { class: "alarms", id: "alarms", hidden: true }, this.alarmsHead, this.alarmList, this.hear, this.later);
  private readonly guardsHead = h("h3", { id: "guards-heading" });
  private readonly guards = h("ul", { class: "guards", "aria-labelledby": "guards-heading", tabindex: 0 });
  private readonly readings = h("div");
  private readonly log = h("ol", { class: "log", tabindex: 0, "aria-label": words.rehearse.log });
  private readonly lastWord = h("p", { class: "told", role: "status" });
  private readonly over: HTMLElement;
  private notes: Note[] = [];
  private proposed = "";

  constructor(private readonly shell: Shell) {
    this.begin = h("button", { type: "button", class: "primary", id: "begin", click: () => void shell.act(() => ask("rehearsal", this.wish())) }, words.rehearse.begin);
    this.setup = h(
      "section",
      { class: "setup" },
      field(words.rehearse.scenario, this.scenario),
      this.about,
      field(words.rehearse.seed, this.seed),
      this.begin,
    );
    this.over = h(
      "section",
      { class: "over" },
      h("p", {}, words.rehearse.over),
      h("button", { type: "button", class: "primary", id: "to-report", click: () => shell.go("report") }, words.rehearse.toReport),
    );
    this.running = h(
      "div",
      { class: "running" },
      h("div", { class: "column see" }, h("h3", {}, words.rehearse.live), this.slice.root, this.curves.root),
      h("div", { class: "column say" }, this.alarms, this.guardsHead, this.guards, h("h3", {}, words.rehearse.readings), this.readings),
      h("div", { class: "column do" }, this.control(), this.patient(), h("h3", {}, words.rehearse.log), this.log),
    );
    this.root = h("div", { class: "rehearse" }, h("h2", {}, words.rehearse.heading), this.setup, this.over, this.running);
  }

  private wish(): object {
    return { scenario: this.scenario.value, seed: Number(this.seed.value), speed: Number(this.speed.value) };
  }

  private faster(): void {
    const run = this.shell.view()?.run;
    if (run && !run.over) void this.shell.act(() => ask("rehearsal/speed", { speed: Number(this.speed.value) }));
  }

  private describe(): void {
    const found = this.shell.view()?.scenarios.find((s) => s.name === this.scenario.value);
    text(this.about, found?.description ?? "");
  }

  // --- what is asked for ---

  private control(): HTMLElement {
    this.speed.id = "speed";
    this.speed.value = "10";
    return h(
      "section",
      { class: "control" },
      this.headline,
      this.next,
      this.numbers,
      this.proposal,
      h("div", { class: "row" }, field(words.rehearse.power, this.power, "W"), field(words.rehearse.duration, this.duration, "s")),
      field(words.rehearse.why, this.why),
      this.buttons,
      field(words.rehearse.speed, this.speed, words.rehearse.speedUnit),
    );
  }

  private ask(verb: string): void {
    const proposed = this.shell.status()?.proposed ?? null;
    const own = verb === "approve" && proposed !== null;
    const changed = (input: HTMLInputElement, number: number): number | null => {
      const given = Number(input.value);
      return own && input.value !== "" && Math.abs(given - Math.round(number)) > 0.5 ? given : null;
    };
    const body = {
      verb,
      why: this.why.value.trim(),
      power_w: proposed ? changed(this.power, proposed.power_w) : null,
      duration_s: proposed ? changed(this.duration, proposed.duration_s) : null,
    };
    // cleared at once: what is typed meanwhile belongs to the next command
    this.why.value = "";
    void this.shell.act(() => ask("commands", body)).then((done) => {
      if (!done && this.why.value === "") this.why.value = body.why;
    });
  }

  // --- the patient ---

  private patient(): HTMLElement {
    const pain = h("input", { type: "number", min: 0, max: 10, step: 1, id: "pain" });
    const symptom = h("input", { type: "text", maxlength: 200, id: "symptom" });
    const finding = h("select", { id: "finding" });
    const where = h("input", { type: "text", maxlength: 60, id: "where" });
    const severity = h("select", { id: "severity" }, ...words.rehearse.severities.map((s) => h("option", { value: s }, s)));
    const sedation = h("select", { id: "sedation" });
    const talks = h("input", { type: "checkbox", id: "talks", checked: true });
    this.choices = [finding, sedation];
    const tell = (word: object) => void this.shell.act(() => ask("patient", word));
    const report = (): void =>
      tell({
        pain_nrs: pain.value === "" ? null : Number(pain.value),
        symptom: symptom.value.trim(),
        finding: finding.value === "" ? null : finding.value,
        where: where.value.trim(),
        severity: severity.value,
        sedation: sedation.value || "none",
        can_communicate: talks.checked,
      });
    const well = (): void => {
      symptom.value = where.value = finding.value = "";
      severity.value = "none";
      talks.checked = true;
      tell({ pain_nrs: pain.value === "" ? null : Number(pain.value) });
    };
    this.people = [
      h("button", { type: "button", id: "patient-well", click: well }, words.rehearse.well),
      h("button", { type: "button", id: "patient-report", click: report }, words.rehearse.report),
      h("button", { type: "button", id: "patient-stop", class: "danger", click: () => tell({ stop_pressed: true }) }, words.rehearse.patientStop),
    ];
    return h(
      "section",
      { class: "patient" },
      h("h3", {}, words.rehearse.patient),
      this.lastWord,
      h("div", { class: "row" }, ...this.people),
      h(
        "details",
        {},
        h("summary", {}, words.rehearse.report),
        h("div", { class: "row" }, field(words.rehearse.pain, pain), field(words.rehearse.severity, severity)),
        field(words.rehearse.symptom, symptom),
        h("div", { class: "row" }, field(words.rehearse.finding, finding), field(words.rehearse.where, where)),
        h("div", { class: "row" }, field(words.rehearse.sedation, sedation), h("div", { class: "field" }, talks, h("label", { for: "talks" }, words.rehearse.talks))),
      ),
    );
  }
  private choices: HTMLSelectElement[] = [];
  private people: HTMLButtonElement[] = [];

  // --- news ---

  setLog(notes: Note[]): void {
    this.notes = notes.slice(-MOST_NOTES);
    this.log.replaceChildren(...[...this.notes].reverse().map(entry));
  }

  addLog(notes: Note[]): void {
    for (const note of notes) {
      this.notes.push(note);
      this.log.prepend(entry(note));
    }
    while (this.notes.length > MOST_NOTES) {
      this.notes.shift();
      this.log.lastElementChild?.remove();
    }
  }

  update(view: View, status: Status | null): void {
    const run = view.run;
    const operates = this.shell.operates();
    const treating = run !== null && !run.over;
    fill(this.scenario, view.scenarios, () => view.scenarios.map((s) => h("option", { value: s.name }, s.name)));
    if (this.scenario.value === "") this.scenario.value = "cooperative";
    this.describe();
    const [finding, sedation] = this.choices;
    if (finding) fill(finding, view.finding_names, () => [h("option", { value: "" }, "–"), ...view.finding_names.map((n) => h("option", { value: n }, n))]);
    if (sedation) fill(sedation, view.sedation_names, () => view.sedation_names.map((n) => h("option", { value: n }, n)));
    show(this.setup, !treating);
    show(this.over, run?.over === true);
    show(this.running, run !== null);
    enable(this.begin, operates && view.busy === null && view.steps[3]?.state === "done");
    for (const button of this.people) enable(button, operates && treating);
    for (const control of [this.power, this.duration, this.why]) enable(control, operates && treating);
    enable(this.speed, operates);
    if (run && document.activeElement !== this.speed) this.speed.value = String(run.speed);
    if (status) this.show(status, operates && treating);
    else text(this.headline, treating ? words.rehearse.drawing : "");
  }

  private show(status: Status, free: boolean): void {
    text(this.headline, `${status.state_words}${status.power_w > 0 ? ` – ${status.power_w.toFixed(0)} W` : ""}`);
    this.headline.className = `headline ${status.state}`;
    text(this.next, status.next_words);
    const parts = [
      `${words.rehearse.stage} ${status.stage}`,
      `${words.rehearse.sonication} ${status.sonication}`,
      words.since(clock(status.time_s)),
      `${words.rehearse.energy} ${(status.energy_j / 1e3).toFixed(2)} kJ`,
      `${words.rehearse.session} ${(status.session_energy_j / 1e3).toFixed(1)} kJ`,
    ];
    if (status.state === "cooling") parts.push(words.rehearse.wait(status.wait_until_s - status.time_s));
    if (status.off_at_s !== null) parts.push(words.rehearse.off(status.off_at_s - status.time_s));
    text(this.numbers, parts.join(" · "));
    this.showVerbs(status, free);
    this.showProposal(status);
    this.showAlarms(status, free);
    const no = status.guards.filter((g) => !g.holds);
    text(this.guardsHead, `${words.rehearse.guards}: ${words.rehearse.guardsSay(no.length, status.guards.length)}`);
    fill(this.guards, status.guards, () => [...no, ...status.guards.filter((g) => g.holds)].map(guard));
    fill(this.readings, status.readings, () => [facts(status.readings)]);
    const p = status.patient;
    const said = p
      ? [
          p.stop_pressed ? words.rehearse.patientStop : "",
          p.pain_nrs === null ? "" : `${words.rehearse.pain}: ${p.pain_nrs}`,
          [p.symptom || p.finding, p.where, p.severity !== "none" ? p.severity : ""].filter(Boolean).join(", "),
          p.can_communicate ? words.rehearse.talks : "✗",
        ].filter(Boolean)
      : ["–"];
    text(this.lastWord, `${words.rehearse.last}${p ? ` (${clock(p.at_s)})` : ""}: ${said.join("; ")}`);
  }

  /** A button that is there before and after stays the same one: a press that has begun is never lost. */
  private showVerbs(status: Status, free: boolean): void {
    const shown = status.verbs.filter((verb) => !APART.has(verb) && verb !== ACKNOWLEDGE);
    for (const [verb, button] of this.verbs) if (!shown.includes(verb)) button.remove();
    shown.forEach((verb, place) => {
      const button = this.verbs.get(verb) ?? h("button", { type: "button", "data-verb": verb, click: () => this.ask(verb) }, words.rehearse.verbs[verb] ?? verb);
      this.verbs.set(verb, button);
      const name = verb === status.suggested ? "primary" : verb === "abort" ? "danger" : "";
      if (button.className !== name) button.className = name;
      enable(button, free);
      if (this.buttons.children[place] !== button) this.buttons.insertBefore(button, this.buttons.children[place] ?? null);
    });
  }
  private readonly verbs = new Map<string, HTMLButtonElement>();

  private showAlarms(status: Status, free: boolean): void {
    show(this.alarms, status.alarms.length > 0);
    const may = status.verbs.includes(ACKNOWLEDGE);
    text(this.alarmsHead, words.rehearse.alarms(status.alarms.length));
    fill(this.alarmList, status.alarms, () => status.alarms.map(alarm));
    enable(this.hear, free && may);
    show(this.later, !may);
  }

  private showProposal(status: Status): void {
    const found = status.approved ?? status.proposed;
    const which = status.approved ? words.rehearse.approved : words.rehearse.proposed;
    fill(this.proposal, [found, which], () => [h("h3", {}, `${words.rehearse.proposal}${found ? ` (${which})` : ""}`), h("p", {}, found ? proposal(found) : words.rehearse.none)]);
    const key = JSON.stringify(status.proposed);
    if (status.proposed && key !== this.proposed) {
      this.power.value = status.proposed.power_w.toFixed(0);
      this.duration.value = status.proposed.duration_s.toFixed(0);
    }
    this.proposed = key;
  }
}

function proposal(p: ProposalView): string {
  const limited = p.limited_by ? `; ${words.rehearse.limitedBy} ${p.limited_by}` : "";
  return `${p.stage}: ${p.power_w.toFixed(0)} W, ${p.duration_s.toFixed(0)} s. ${words.rehearse.expected} ${p.peak_degc.toFixed(1)} °C (${words.rehearse.band} ${p.low_degc.toFixed(1)}–${p.high_degc.toFixed(1)})${limited}.`;
}

function alarm(a: AlarmView): HTMLElement {
  const mark = a.priority === "high" ? "‼" : a.priority === "medium" ? "!" : "i";
  return h(
    "li",
    { class: a.priority },
    h("strong", {}, `${mark} ${a.name} (${a.priority}): `),
    a.standing ? `${words.rehearse.standing}. ${a.why}` : words.rehearse.gone,
  );
}

function guard(g: GuardView): HTMLElement {
  if (g.holds) return h("li", { class: "holds", title: g.protects }, h("span", { "aria-hidden": "true" }, "✓ "), `${g.name} ${words.rehearse.holds}`);
  return h(
    "li",
    { class: `no ${g.priority}` },
    h("strong", {}, `✗ ${g.name} ${words.rehearse.saysNo}. `),
    g.why,
    h("span", { class: "clears" }, ` ${words.rehearse.clears}: ${g.clears}.`),
  );
}

function entry(note: Note): HTMLElement {
  const wall = new Date(note.wall * 1000).toLocaleTimeString();
  const mark = note.alarm === "high" ? "‼ " : note.alarm === "medium" ? "! " : "";
  return h("li", { class: `${note.kind} ${note.alarm}` }, h("time", {}, `${clock(note.time_s)} (${wall})`), ` ${mark}${note.words}`);
}
