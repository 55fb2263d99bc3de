import type { RetainedDocuments } from '../../base/link/retained-documents.js';
import { labelSlug } from '../../protocol/ids.js';
import { routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import type { CameraReport } from '../process/vision-message.js';

/** A camera's state is told when it changes; a rate that moved clearly at most this often, everything else this often. */
const RATE_MS = 5000;
const REPEAT_MS = 60_000;
/** Share by which a rate must have moved to be news. */
const RATE_CHANGE = 0.2;

/** The retained topics of one camera: state, motion, counts, snapshots. */
export class CameraBoard {
  readonly #documents: RetainedDocuments;
  readonly #node: string;
  readonly #camera: string;
  readonly #counts = new Map<string, number>();
  readonly #snapshots = new Set<string>();
  #isOk = false;
  #last: { readonly key: string; readonly fps: number; readonly atMonoMs: number } | undefined;

  constructor(documents: RetainedDocuments, node: string, camera: string) {
    this.#documents = documents;
    this.#node = node;
    this.#camera = camera;
  }

  /** Objects in view by label, as last published. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** As the camera last said of itself. */
  get isOk(): boolean {
    return this.#isOk;
  }

  showState(report: CameraReport, nowMs: number, nowMonoMs: number): void {
    this.#isOk = report.ok;
    const key = `${report.ok} ${report.reason ?? ''} ${report.detail ?? ''}`;
    if (this.#last?.key === key && !this.#isDue(report.fps, nowMonoMs)) return;
    this.#last = { key, fps: report.fps, atMonoMs: nowMonoMs };
    this.#documents.set(routes.cameraState, this.#params(), {
      v: SCHEMA_MINOR,
      ok: report.ok,
      fps: round(report.fps),
      frameAgeMs: report.frameAgeMs === null ? null : Math.round(report.frameAgeMs),
      ...(report.reason === undefined ? {} : { reason: report.reason }),
      ...(report.detail === undefined ? {} : { detail: report.detail.slice(0, 300) }),
      atMs: nowMs,
    });
  }

  showCount(label: string, count: number): void {
    this.#counts.set(label, count);
    this.#documents.set(routes.count, { ...this.#params(), label: labelSlug(label) }, String(count));
  }

  showMotion(on: boolean): void {
    this.#documents.set(routes.motion, this.#params(), on ? 'ON' : 'OFF');
  }

  /** @returns false if the picture is larger than the route allows; it is then not shown. */
  showSnapshot(label: string, jpeg: Uint8Array): boolean {
    if (jpeg.byteLength > routes.snapshot.payloadBytesMax) return false;
    this.#snapshots.add(label);
    this.#documents.set(routes.snapshot, { ...this.#params(), label: labelSlug(label) }, jpeg);
    return true;
  }

  /** It is not this node's any more: its topics are emptied. */
  withdraw(): void {
    for (const route of [routes.cameraState, routes.motion]) this.#documents.clear(route, this.#params());
    for (const label of this.#counts.keys()) {
      this.#documents.clear(routes.count, { ...this.#params(), label: labelSlug(label) });
    }
    for (const label of this.#snapshots) {
      this.#documents.clear(routes.snapshot, { ...this.#params(), label: labelSlug(label) });
    }
  }

  /** Nobody is watching this camera any more: nothing is in view, nothing moves. */
  clear(reason: NonNullable<CameraReport['reason']>, detail: string, nowMs: number, nowMonoMs: number): void {
    for (const label of this.#counts.keys()) this.showCount(label, 0);
    this.showMotion(false);
    this.showState({ ok: false, reason, detail, fps: 0, frameAgeMs: null }, nowMs, nowMonoMs);
  }

  // Sparing: a broker may keep its retained messages on a card.
  #isDue(fps: number, nowMonoMs: number): boolean {
    if (this.#last === undefined) return true;
    const ageMs = nowMonoMs - this.#last.atMonoMs;
    const hasMoved = Math.abs(fps - this.#last.fps) > RATE_CHANGE * Math.max(fps, this.#last.fps);
    return ageMs >= REPEAT_MS || (hasMoved && ageMs >= RATE_MS);
  }

  #params(): { node: string; camera: string } {
    return { node: this.#node, camera: this.#camera };
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
