/** What a soak has seen so far: MiB of each process, and records. */
export type SoakState = { readonly memoryMiB: Readonly<Record<string, number>>; readonly records: number };

/** Where nobody looks at a terminal, a line this often: a log of an hour stays a page. */
const LINE_EVERY_MS = 5 * 60_000;

/** Tells how far a soak is: a line that moves on a terminal, elsewhere one every five minutes. */
export class SoakProgress {
  readonly #out: { readonly isTTY?: boolean; write(text: string): unknown };
  readonly #minutes: number;
  #toldMs = 0;

  constructor(minutes: number, out: { readonly isTTY?: boolean; write(text: string): unknown }) {
    this.#minutes = minutes;
    this.#out = out;
  }

  /** @param elapsedMs since the start. */
  tell(elapsedMs: number, state: SoakState): void {
    const line = soakLine(elapsedMs, this.#minutes, state);
    if (this.#out.isTTY === true) {
      this.#out.write(`\r\u001b[2K${line}`);
      return;
    }
    if (elapsedMs - this.#toldMs < LINE_EVERY_MS) return;
    this.#toldMs = elapsedMs;
    this.#out.write(`${line}\n`);
  }

  /** Leaves the cursor on a fresh line. */
  end(): void {
    if (this.#out.isTTY === true) this.#out.write('\n');
  }
}

/** `12.5 of 60 min: node 87 MiB, vision 139 MiB, broker 81 MiB, 1204 records`. */
export function soakLine(elapsedMs: number, minutes: number, { memoryMiB, records }: SoakState): string {
  const memory = Object.entries(memoryMiB).map(([who, mib]) => `${who} ${Math.round(mib)} MiB`);
  return `${(elapsedMs / 60_000).toFixed(1)} of ${minutes} min: ${[...memory, `${records} records`].join(', ')}`;
}
