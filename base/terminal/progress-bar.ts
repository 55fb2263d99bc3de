import type { Clock } from '../clock.js';
import type { Terminal } from './terminal.js';

export type Progress = {
  readonly done: number;
  /** Undefined while unknown. */
  readonly total: number | undefined;
  /** Said in place of the speed, e.g. why it is waiting. */
  readonly note?: string;
};

export type ProgressUnit = 'bytes' | 'count';
export type ProgressView = { readonly perSecond: number; readonly unit: ProgressUnit; readonly columns: number };

/** Redraws at most this often: what a person can follow, and no load on a serial console. */
const REDRAW_MS = 100;

/** A line that moves while bytes come in. Draws only where a person is looking; elsewhere it writes nothing. */
export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #title: string;
  readonly #unit: ProgressUnit;
  readonly #startedMonoMs: number;
  #startedAt: number | undefined;
  #drawnMonoMs = Number.NEGATIVE_INFINITY;
  #drawn = false;

  constructor(terminal: Terminal, clock: Clock, title: string, unit: ProgressUnit = 'bytes') {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#title = title;
    this.#unit = unit;
    this.#startedMonoMs = clock.monoMs();
  }

  update(progress: Progress): void {
    if (!this.#terminal.isTty) return;
    this.#startedAt ??= progress.done;
    const nowMonoMs = this.#clock.monoMs();
    const isEnd = progress.total !== undefined && progress.done >= progress.total;
    if (nowMonoMs - this.#drawnMonoMs < REDRAW_MS && !isEnd && progress.note === undefined) return;
    this.#drawnMonoMs = nowMonoMs;
    const perSecond = ((progress.done - this.#startedAt) * 1000) / Math.max(1, nowMonoMs - this.#startedMonoMs);
    this.#drawn = true;
    this.#terminal.write(
      `\r\u001b[2K${renderProgress(this.#title, progress, { perSecond, unit: this.#unit, columns: this.#terminal.columns })}`,
    );
  }

  /** Leaves the cursor on a fresh line. */
  end(): void {
    if (this.#drawn) this.#terminal.write('\n');
    this.#drawn = false;
  }
}

/** One line no wider than the window: `yolox  [=====>    ]  52 %  1.9 MB of 3.7 MB  1.2 MB/s`. Pure. */
export function renderProgress(title: string, progress: Progress, view: ProgressView): string {
  const { perSecond, unit, columns } = view;
  const { done, total } = progress;
  const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
  const amount = total === undefined ? show(done, unit) : `${show(done, unit)} of ${show(total, unit)}`;
  const tail = `${amount}  ${progress.note ?? `${show(perSecond, unit)}/s`}`;
  if (share === undefined) return `${title}  ${tail}`.slice(0, columns - 1);
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`;
  const room = Math.min(40, columns - 1 - title.length - percent.length - tail.length - 8);
  if (room < 5) return `${title}  ${percent}  ${tail}`.slice(0, columns - 1);
  const filled = Math.round(share * room);
  const bar = `${'='.repeat(Math.max(0, filled - 1))}${filled > 0 ? (share < 1 ? '>' : '=') : ''}`.padEnd(room);
  return `${title}  [${bar}]  ${percent}  ${tail}`.slice(0, columns - 1);
}

function show(amount: number, unit: ProgressUnit): string {
  return unit === 'bytes' ? `${(amount / 1e6).toFixed(1)} MB` : String(Math.round(amount));
}
