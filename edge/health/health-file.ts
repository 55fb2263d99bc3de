import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { RateLimitedLog } from '../../base/rate-limited-log.js';

/** A probe reads it every now and then: more often than this is work for nobody. */
const WRITE_GAP_MS = 1_000;

/** How the pipeline stands, as a probe of the board sees it. Ages in ms; null before the first frame. */
export type NodePulse = {
  readonly invocation: string;
  readonly gen: number;
  readonly isConnected: boolean;
  /** Largest over the cameras that are well; null if there is none. */
  readonly frameAgeMs: number | null;
  readonly inferAgeMs: number | null;
};

/**
 * The node's pulse on its own board, for a monitor that cannot hear it over MQTT: `KEY=VALUE` lines in the runtime
 * folder (docs/board-protocol.md). Written by the start and by progress only, so that its age says how long nothing moved.
 */
export class HealthFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #faults: RateLimitedLog;
  #writtenMonoMs = Number.NEGATIVE_INFINITY;
  #isWriting = false;

  /** @param runtimeDir a folder in memory: systemd's RuntimeDirectory. */
  constructor(runtimeDir: string, clock: Clock, log: Log) {
    this.#path = join(runtimeDir, 'health');
    this.#clock = clock;
    this.#faults = new RateLimitedLog(log, clock, 60_000);
  }

  /** The pipeline did something. `pulse` is asked for only when it is time to write. */
  progress(pulse: () => NodePulse): void {
    const nowMonoMs = this.#clock.monoMs();
    if (this.#isWriting || nowMonoMs - this.#writtenMonoMs < WRITE_GAP_MS) return;
    this.#writtenMonoMs = nowMonoMs;
    this.#isWriting = true;
    this.#write(healthText(pulse(), machineMonoMs()))
      .catch((error) => this.#faults.warn('health file not written', { path: this.#path, error: messageOf(error) }))
      .finally(() => {
        this.#isWriting = false;
      });
  }

  // No fsync: the folder is in memory, and what a power cut takes is of the boot before.
  async #write(text: string): Promise<void> {
    const temporary = `${this.#path}.tmp`;
    await writeFile(temporary, text);
    // Whatever the unit's UMask: the board's probe runs as another user.
    await chmod(temporary, 0o644);
    await rename(temporary, this.#path);
  }
}

/** The file's text. @param monoMs CLOCK_MONOTONIC of the machine, which the board's script can read too. */
export function healthText(pulse: NodePulse, monoMs: number): string {
  const age = (ms: number | null) => (ms === null ? '-' : String(Math.round(Math.max(0, ms))));
  return [
    ...(/^[0-9a-f]{32}$/.test(pulse.invocation) ? [`inv=${pulse.invocation}`] : []),
    `gen=${pulse.gen}`,
    `mqtt=${pulse.isConnected ? 1 : 0}`,
    `frame_age_ms=${age(pulse.frameAgeMs)}`,
    `infer_age_ms=${age(pulse.inferAgeMs)}`,
    `mono_ms=${Math.round(monoMs)}`,
    '',
  ].join('\n');
}

// Node's hrtime is CLOCK_MONOTONIC on Linux; `performance.now` counts from the start of the process.
function machineMonoMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
