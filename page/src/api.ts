// Speaking to the server: requests with the operator's seat, and one socket with news.

import type { Batch, Frame, FrameAbout, Urgent } from "./types";

export class Refused extends Error {}

let seat = sessionStorage.getItem("insonate-seat") ?? "";

export function setSeat(key: string): void {
  seat = key;
  sessionStorage.setItem("insonate-seat", key);
}

export function seatKey(): string {
  return seat;
}

async function answer(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body;
  const detail = body !== null && typeof body === "object" && "detail" in body ? body.detail : response.statusText;
  throw new Refused(typeof detail === "string" ? detail : sentences(detail));
}

/** What does not fit the interface, in words: where, and why. */
function sentences(detail: unknown): string {
  if (!Array.isArray(detail)) return String(detail);
  return (detail as { loc: string[]; msg: string }[]).map((d) => `${d.loc.slice(1).join(" ")}: ${d.msg}`).join("; ");
}

export async function get<T>(path: string): Promise<T> {
  return (await answer(await fetch(`api/${path}`, { cache: "no-store" }))) as T;
}

export async function ask<T>(path: string, body: unknown = {}, method = "POST"): Promise<T> {
  const response = await fetch(`api/${path}`, {
    method,
    headers: { "content-type": "application/json", "x-insonate-seat": seat },
    body: method === "DELETE" ? null : JSON.stringify(body),
  });
  return (await answer(response)) as T;
}

export async function upload(kind: string, file: File, number: number): Promise<void> {
  const ending = file.name.toLowerCase().endsWith(".nii.gz")
    ? ".nii.gz"
    : file.name.toLowerCase().endsWith(".nii")
      ? ".nii"
      : ".dcm";
  const response = await fetch(`api/uploads/${kind}/${number}${ending}`, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream", "x-insonate-seat": seat },
    body: file,
  });
  await answer(response);
}

export async function bytes(path: string): Promise<ArrayBuffer> {
  const response = await fetch(`api/${path}`, { cache: "no-store" });
  if (!response.ok) throw new Refused(response.statusText);
  return response.arrayBuffer();
}

export function unpack(buffer: ArrayBuffer): Frame {
  const view = new DataView(buffer);
  const length = view.getUint32(4, true);
  const about = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length))) as FrameAbout;
  const count = about.shape[0] * about.shape[1];
  const start = 8 + length;
  return {
    about,
    rise: new Float32Array(buffer.slice(start, start + 4 * count)),
    grey: new Uint8Array(buffer, start + 4 * count, count),
  };
}

export interface Ears {
  batch(batch: Batch): void;
  urgent(urgent: Urgent): void;
  frame(frame: Frame): void;
  connected(on: boolean): void;
}

/** One socket; opened again when it is lost. What was shown meanwhile is marked as old. */
export class Line {
  private socket: WebSocket | null = null;
  private awaited: Batch | null = null;
  private pause = 200;

  constructor(private readonly ears: Ears) {
    this.open();
    setInterval(() => this.say({ do: "beat", seat }), 500);
  }

  private open(): void {
    const base = new URL("ws", document.baseURI);
    base.protocol = base.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(base);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.pause = 200;
      this.awaited = null;
      this.ears.connected(true);
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.take(event.data);
    socket.onclose = () => {
      this.ears.connected(false);
      setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(2 * this.pause, 3000);
    };
    this.socket = socket;
  }

  private take(data: string | ArrayBuffer): void {
    if (typeof data !== "string") {
      const batch = this.awaited;
      this.awaited = null;
      this.ears.frame(unpack(data));
      if (batch) this.say({ do: "ack", n: batch.n });
      return;
    }
    const message = JSON.parse(data) as Batch | Urgent;
    if (message.kind === "urgent") {
      this.ears.urgent(message);
      return;
    }
    this.ears.batch(message);
    if (message.frame) this.awaited = message;
    else this.say({ do: "ack", n: message.n });
  }

  say(word: object): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(word));
    return true;
  }

  /** Stop goes straight over the socket; without one, by a request. */
  stop(): void {
    if (!this.say({ do: "stop" })) void ask("stop").catch(() => undefined);
  }
}
