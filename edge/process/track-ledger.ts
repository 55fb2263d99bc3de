import type { TrackReport } from './vision-message.js';

/**
 * Which tracks are open, and which numbers are taken. The vision process forgets both when it dies; the epoch of the
 * log does not, and a track number must never mean two objects in it.
 */
export class TrackLedger {
  readonly #open = new Map<string, TrackReport>();
  readonly #lastIds = new Map<string, number>();

  /** Takes note of a track event. Open tracks are bounded by the tracker's own limit per camera. */
  note(report: TrackReport): void {
    const key = `${report.camera}/${report.id}`;
    if (report.ev === 'end') this.#open.delete(key);
    else this.#open.set(key, report);
    this.#lastIds.set(report.camera, Math.max(report.id, this.#lastIds.get(report.camera) ?? 0));
  }

  /** First free track number by camera. */
  firstFreeIds(cameras: readonly string[]): Record<string, number> {
    return Object.fromEntries(cameras.map((camera) => [camera, this.firstFreeId(camera)]));
  }

  /** First free track number of one. */
  firstFreeId(camera: string): number {
    return (this.#lastIds.get(camera) ?? 0) + 1;
  }

  /** Forgets the open tracks and gives their ends: who was being followed has been lost from sight. */
  endAll(nowMs: number): TrackReport[] {
    const ends = [...this.#open.values()].map((report): TrackReport => ({ ...report, ev: 'end', capturedAtMs: nowMs }));
    this.#open.clear();
    return ends;
  }
}
