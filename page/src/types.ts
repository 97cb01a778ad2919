// What crosses the interface; the server's models.py is where it is decided.

export type StepKey = "images" | "head" | "target" | "plan" | "rehearse" | "report";
export type PointMm = [number, number, number];

export interface Fact {
  label: string;
  value: string;
  unit: string;
}
export interface Step {
  key: StepKey;
  state: "done" | "open" | "closed";
  sentence: string;
}
export interface SeatView {
  taken: boolean;
  name: string;
  present: boolean;
  asking: string;
}
export interface Busy {
  what: string;
  stage: string;
  done: number;
  detail: string;
  since: number;
}
export interface VolumeView {
  name: string;
  unit: string;
  version: number;
  low: number;
  high: number;
}
export interface HeadView {
  name: string;
  ready: boolean;
  facts: Fact[];
  notes: string[];
  ac_mm: PointMm | null;
  pc_mm: PointMm | null;
  registered: boolean;
  mr_words: string;
  target_names: string[];
}
export interface Distance {
  to: string;
  mm: number | null;
  least_mm: number | null;
}
export interface TargetView {
  name: string;
  point_mm: PointMm;
  acpc_mm: PointMm;
  error_mm: number;
  source: string;
  distances: Distance[];
  faults: string[];
}
export interface Histogram {
  label: string;
  unit: string;
  edges: number[];
  counts: number[];
}
export interface PlannedSonication {
  stage: string;
  power_w: number;
  duration_s: number;
  peak_degc: number;
  low_degc: number;
  high_degc: number;
  skull_degc: number;
}
export interface LimitView {
  name: string;
  value: number;
  unit: string;
  source: string;
}
export interface PlanView {
  facts: Fact[];
  notes: string[];
  histograms: Histogram[];
  sonications: PlannedSonication[];
  limits: LimitView[];
  state_names: string[];
  state_counts: number[];
  seconds: number;
}
export interface GuardView {
  name: string;
  holds: boolean;
  why: string;
  clears: string;
  priority: string;
  protects: string;
}
export interface AlarmView {
  name: string;
  priority: string;
  standing: boolean;
  why: string;
}
export interface ProposalView {
  sonication: number;
  stage: string;
  power_w: number;
  duration_s: number;
  peak_degc: number;
  low_degc: number;
  high_degc: number;
  limited_by: string;
}
export interface PatientView {
  at_s: number;
  pain_nrs: number | null;
  symptom: string;
  severity: string;
  finding: string;
  where: string;
  sedation: string;
  can_communicate: boolean;
  stop_pressed: boolean;
}
export interface Status {
  state: string;
  state_words: string;
  next_words: string;
  verbs: string[];
  suggested: string | null;
  stage: string;
  sonication: number;
  time_s: number;
  entered_s: number;
  power_w: number;
  on_s: number;
  off_at_s: number | null;
  energy_j: number;
  session_energy_j: number;
  wait_until_s: number;
  hold: boolean;
  lesion: boolean;
  unreachable: string;
  proposed: ProposalView | null;
  approved: ProposalView | null;
  review: string;
  alarms: AlarmView[];
  guards: GuardView[];
  patient: PatientView | null;
  readings: Fact[];
}
export interface Note {
  number: number;
  time_s: number;
  wall: number;
  source: string;
  kind: string;
  words: string;
  alarm: "" | "low" | "medium" | "high";
}
export interface RunView {
  scenario: string;
  description: string;
  seed: number;
  speed: number;
  over: boolean;
  outcome: string;
  score: Fact[];
}
export interface View {
  disclaimer: string;
  version: string;
  may_operate: boolean;
  seat: SeatView;
  given: string;
  steps: Step[];
  busy: Busy | null;
  fault: string;
  engines: { name: string; words: string; seconds: number }[];
  scenarios: { name: string; description: string }[];
  mappings: string[];
  volumes: VolumeView[];
  head: HeadView | null;
  target: TargetView | null;
  plan: PlanView | null;
  run: RunView | null;
  report: boolean;
  registry: boolean;
  uploads: string[];
  finding_names: string[];
  sedation_names: string[];
}
export type CurvePoint = [string, number, number];
export type Curves = Record<string, [number, number][]>;
export interface Batch {
  kind: "batch";
  n: number;
  frame: boolean;
  view?: View;
  status?: Status | null;
  curves?: Curves;
  log?: Note[];
  points?: CurvePoint[];
  notes?: Note[];
}
export interface Urgent {
  kind: "urgent";
  state: string | null;
  state_words: string;
  power: string;
  power_number: number;
}
export interface Elements {
  position_mm: number[];
  state: number[];
  sdr: number[];
  angle_deg: number[];
}
export interface FrameAbout {
  sonication: number;
  frame: number;
  time_s: number;
  wall: number;
  orientation: string;
  shape: [number, number];
  spacing_mm: [number, number];
  target: [number, number];
  focus: [number, number] | null;
  baseline_degc: number;
  peak_degc: number;
  sigma_k: number;
  directions: [string, string];
}
export interface Frame {
  about: FrameAbout;
  rise: Float32Array;
  grey: Uint8Array;
}
export interface Replay {
  end_s: number;
  frames: { time_s: number; sonication: number }[];
  curves: Curves;
  log: Note[];
}
