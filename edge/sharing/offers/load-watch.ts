import type { TickReport } from '../../process/vision-message.js';
import { awayRoom } from './away-room.js';
import { judgeOverload, NOT_OVERLOADED } from './overload-judge.js';
import { type Spare, SpareMeter } from './spare-meter.js';

const SAMPLE_MS = 1_000;
/** Weight of the newest sample of the rate of frames: as for what is in use. */
const FRAMES_GAIN = 0.25;

type Totals = { readonly looked: number; readonly waited: number; readonly offered: number };
const NOTHING: Totals = { looked: 0, waited: 0, offered: 0 };

/** What the ticks of a vision process say of its load, a sample a second. Times are of one monotonic clock, ms. */
export class LoadWatch {
  readonly #meter = new SpareMeter();
  #judged = NOT_OVERLOADED;
  #totals = NOTHING;
  #cameras = 0;
  #frames = new Map<string, number>();
  #frameFps = 0;
  #delivering = 0;
  #sampledMonoMs = Number.NEGATIVE_INFINITY;

  /** @param share of the time the detectors may work. @returns whether there was a new sample. */
  note(tick: TickReport, share: number, nowMonoMs: number): boolean {
    if (nowMonoMs - this.#sampledMonoMs < SAMPLE_MS) return false;
    const before = this.#sampledMonoMs;
    this.#sampledMonoMs = nowMonoMs;
    this.#noteFrames(tick, nowMonoMs - before);
    const totals = totalsOf(tick);
    const since = (key: keyof Totals) => Math.max(0, totals[key] - this.#totals[key]);
    const sample = { looked: since('looked'), waited: since('waited'), offered: since('offered') };
    this.#totals = totals;
    this.#cameras = Object.keys(tick.cameras).length;
    this.#judged = judgeOverload(this.#judged, sample);
    const { work } = tick;
    if (work === undefined) return true;
    this.#meter.setFirstLook(work.firstLookMs, { places: work.places, detectors: work.detectors, share });
    this.#meter.note(work, this.#judged.isOverloaded || sample.waited > 0, nowMonoMs);
    return true;
  }

  /** A new vision process knows nothing of the load of the one before. */
  reset(): void {
    this.#judged = NOT_OVERLOADED;
    this.#totals = NOTHING;
  }

  /** Cameras that may be away at a time, as far as the node itself goes. */
  get awayMax(): number {
    return awayRoom(this.#frameFps, this.#delivering, this.spare.capacityFps);
  }

  get isOverloaded(): boolean {
    return this.#judged.isOverloaded;
  }

  get spare(): Spare {
    return this.#meter.spare ?? { capacityFps: 0, spareFps: 0 };
  }

  #noteFrames({ cameras }: TickReport, elapsedMs: number): void {
    const frames = new Map(Object.entries(cameras).map(([camera, { counters }]) => [camera, counters.frames ?? 0]));
    const since = [...frames].map(([camera, count]) => Math.max(0, count - (this.#frames.get(camera) ?? count)));
    this.#frames = frames;
    if (!Number.isFinite(elapsedMs)) return;
    const fps = (since.reduce((sum, count) => sum + count, 0) * 1_000) / elapsedMs;
    this.#frameFps += FRAMES_GAIN * (fps - this.#frameFps);
    this.#delivering = Object.values(cameras).filter(({ frameAgeMs }) => frameAgeMs !== null).length;
  }

  /** How long a camera waits here from one of its frames to the next, ms. */
  get homeMs(): number {
    const { ownFps } = this.#meter;
    return ownFps > 0 ? (1_000 * this.#cameras) / ownFps : Number.POSITIVE_INFINITY;
  }
}

function totalsOf(tick: TickReport): Totals {
  const cameras = Object.values(tick.cameras);
  const sum = (name: string) => cameras.reduce((total, { counters }) => total + (counters[name] ?? 0), 0);
  return {
    looked: sum('looked'),
    waited: sum('replaced-waiting') + sum('replaced-cooling'),
    offered: sum('looked-away'),
  };
}
