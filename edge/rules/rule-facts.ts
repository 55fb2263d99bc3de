import type { SensorReading } from '../../protocol/status.js';
import { TRACKS_SEEN_MAX } from './expression/expression-limits.js';
import { type LocalTime, type RuleView, type TrackView, UnknownValueError } from './expression/rule-view.js';

type CameraFacts = {
  isOk: boolean;
  reason: string;
  fps: number;
  isMoving: boolean | undefined;
  /** From when on what it tells is all that is in view, monotonic ms; undefined: not known yet, or it does not see. */
  seesFromMonoMs: number | undefined;
};

/**
 * A camera that has just begun to see tells of what is in view only after some looks: three of them, a second apart, at the
 * slowest rate that is of use. Before that nobody is "not there".
 */
export const SETTLE_MS = 3_000;

/** Its view is changed as time passes, not made anew: rules look at hundreds of tracks several times a second. */
type OpenTrack = { readonly view: TrackView & { seconds: number }; readonly sinceMs: number };

/** What of a track event rules look at. Times are capture times, wall clock ms. */
export type TrackNews = {
  readonly camera: string;
  readonly ev: 'new' | 'update' | 'end';
  readonly id: number;
  readonly label: string;
  /** 0..1 */
  readonly score: number;
  readonly zones: readonly string[];
  readonly stationary: boolean;
};

export type CameraNews = { readonly ok: boolean; readonly fps: number; readonly reason?: string | undefined };

/** What a node knows at present, as its rules see it: told by events, at the node as they happen, in a test as recorded. */
export class RuleFacts implements RuleView {
  readonly #readings = new Map<string, SensorReading>();
  readonly #cameras = new Map<string, CameraFacts>();
  readonly #tracks = new Map<string, Map<number, OpenTrack>>();
  /** Made once: an error costs ten times what the rest of a look does, and a rule that cannot tell throws one each time. */
  readonly #unknowns = new Map<string, UnknownValueError>();
  #nowMs = 0;
  #nowMonoMs = 0;
  time: LocalTime = { hour: 0, minute: 0, weekday: 1 };

  /** @param cameras those of the node; what others say is passed over. */
  constructor(cameras: readonly string[]) {
    for (const camera of cameras) {
      this.#cameras.set(camera, {
        ...{ isOk: false, reason: 'starting', fps: 0, isMoving: undefined, seesFromMonoMs: undefined },
      });
      this.#tracks.set(camera, new Map());
    }
  }

  setTime(nowMs: number, nowMonoMs: number, time: LocalTime): void {
    this.#nowMs = nowMs;
    this.#nowMonoMs = nowMonoMs;
    this.time = time;
    for (const facts of this.#cameras.values()) if (facts.isOk) facts.seesFromMonoMs ??= nowMonoMs + SETTLE_MS;
    for (const tracks of this.#tracks.values()) {
      for (const { view, sinceMs } of tracks.values()) view.seconds = Math.max(0, nowMs - sinceMs) / 1000;
    }
  }

  setReading(sensor: string, reading: SensorReading): void {
    this.#readings.set(sensor, reading);
  }

  setCamera(camera: string, { ok, fps, reason }: CameraNews): void {
    const facts = this.#cameras.get(camera);
    if (facts === undefined) return;
    Object.assign(facts, { isOk: ok, fps, reason: reason ?? 'not ok' });
    if (!ok) facts.seesFromMonoMs = undefined;
  }

  /** Another life of the node begins: nothing has been read yet, and nothing is in view. */
  forget(): void {
    this.#readings.clear();
    for (const tracks of this.#tracks.values()) tracks.clear();
  }

  /** All cameras see, and have for a while. */
  setSeeing(): void {
    for (const [camera, facts] of this.#cameras) {
      this.setCamera(camera, { ok: true, fps: facts.fps });
      facts.seesFromMonoMs = Number.NEGATIVE_INFINITY;
    }
  }

  /** None of the cameras sees. */
  setBlind(reason: string): void {
    for (const camera of this.#cameras.keys()) this.setCamera(camera, { ok: false, fps: 0, reason });
  }

  setMotion(camera: string, isMoving: boolean): void {
    const facts = this.#cameras.get(camera);
    if (facts !== undefined) facts.isMoving = isMoving;
  }

  applyTrack({ camera, ev, id, ...rest }: TrackNews, atMs: number): void {
    const tracks = this.#tracks.get(camera);
    if (tracks === undefined) return;
    if (ev === 'end') {
      tracks.delete(id);
      return;
    }
    const sinceMs = tracks.get(id)?.sinceMs ?? atMs;
    const seconds = Math.max(0, this.#nowMs - sinceMs) / 1000;
    tracks.set(id, { view: { camera, id: BigInt(id), ...rest, seconds }, sinceMs });
  }

  reading(sensor: string): number {
    const reading = this.#readings.get(sensor);
    if (reading?.ok === true && reading.value !== null) return reading.value;
    const why = reading === undefined ? 'has not read yet' : `gives no reading (${reading.reason ?? 'not ok'})`;
    throw this.#unknown(`sensor ${sensor} ${why}`);
  }

  isReading(sensor: string): boolean {
    const reading = this.#readings.get(sensor);
    return reading?.ok === true && reading.value !== null;
  }

  isSeeing(camera: string): boolean {
    return this.#cameras.get(camera)?.isOk === true;
  }

  fps(camera: string): number {
    return this.#cameras.get(camera)?.fps ?? 0;
  }

  isMoving(camera: string): boolean {
    this.#mustSee(camera);
    const isMoving = this.#cameras.get(camera)?.isMoving;
    if (isMoving === undefined) throw this.#unknown(`camera ${camera} has not told of motion yet`);
    return isMoving;
  }

  tracks(cameras: readonly string[]): readonly TrackView[] {
    const found: TrackView[] = [];
    for (const camera of cameras) {
      this.#mustSee(camera);
      for (const { view } of this.#tracks.get(camera)?.values() ?? []) found.push(view);
    }
    if (found.length > TRACKS_SEEN_MAX) throw this.#unknown(`more than ${TRACKS_SEEN_MAX} objects in view`);
    return found;
  }

  #unknown(why: string): UnknownValueError {
    const error = this.#unknowns.get(why) ?? new UnknownValueError(why);
    this.#unknowns.set(why, error);
    return error;
  }

  #mustSee(camera: string): void {
    const facts = this.#cameras.get(camera);
    if (facts?.isOk !== true) throw this.#unknown(`camera ${camera} does not see (${facts?.reason ?? 'unknown'})`);
    const { seesFromMonoMs = Number.POSITIVE_INFINITY } = facts;
    if (this.#nowMonoMs < seesFromMonoMs) throw this.#unknown(`camera ${camera} has just begun to see`);
  }
}
