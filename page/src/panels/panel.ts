// What every panel is given, and how it asks the server for something.

import type { Viewer } from "../viewer";
import type { Status, StepKey, View } from "../types";

export interface Shell {
  viewer: Viewer;
  view(): View | null;
  status(): Status | null;
  /** Do something at the server; a refusal is shown as a sentence. */
  act(work: () => Promise<unknown>): Promise<boolean>;
  go(step: StepKey): void;
  operates(): boolean;
  /** Something that the page shows has come. */
  changed(): void;
}

export interface Panel {
  readonly root: HTMLElement;
  update(view: View, status: Status | null): void;
}

/** Enable what only the operator may press, and only while nothing else goes on. */
export function enable(button: HTMLButtonElement | HTMLInputElement | HTMLSelectElement, allowed: boolean): void {
  if (button.disabled === allowed) button.disabled = !allowed;
}
