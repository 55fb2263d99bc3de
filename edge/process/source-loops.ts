import { Counters } from '../../base/counters.js';
import type { SourceTraits } from '../capture/config.js';
import { PushedPictures, PushedSource } from '../capture/pushed/pushed-source.js';
import { VisionSettings } from '../vision/config.js';
import { CameraLoop, type CameraLoopOptions } from './camera-loop.js';
import type { PushFrame, VisionReport, WatchSource } from './vision-message.js';

/** What is known when the model is loaded. */
export type SourceLoopsParts = Omit<CameraLoopOptions, 'id' | 'feed' | 'settings' | 'firstTrackId'> & {
  /** One loop more or less needs a turn at the detectors. */
  readonly onCount: (count: number) => void;
};

type Watched = {
  readonly loop: CameraLoop;
  readonly pictures: PushedPictures;
  readonly stop: AbortController;
  /** Resolves when its tracks are ended. */
  readonly ended: Promise<void>;
};

/** A sensor is behind it; how often it sends only the device knows. */
const TRAITS: SourceTraits = { live: true, repeats: false, every: false, once: false, fps: undefined };
/** A device on a battery may send a frame in a minute; one that is silent for longer than this has stopped. */
const STALL_MS = 90_000;

/** The sources that are watched for the fleet: a camera loop for each, fed by what is pushed. */
export class SourceLoops {
  readonly #report: (report: VisionReport) => void;
  #parts: SourceLoopsParts | undefined;
  /** Those that are to be watched once the model is loaded. */
  readonly #early = new Map<string, Omit<WatchSource, 'type'>>();
  readonly #watched = new Map<string, Watched>();
  /** Those that end: one that is watched again waits for its end. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #gone = new Counters<string>([]);
  /** Frames that came before the model was there, or when nobody watched any more. */
  unwatched = 0;

  constructor(report: (report: VisionReport) => void) {
    this.#report = report;
  }

  /** The model is loaded: from now on frames are looked at. */
  open(parts: SourceLoopsParts): void {
    this.#parts = parts;
    for (const source of this.#early.values()) this.watch(source);
    this.#early.clear();
  }

  get loops(): ReadonlyMap<string, CameraLoop> {
    return new Map([...this.#watched].map(([source, { loop }]) => [source, loop]));
  }

  /** Counters of those that are not watched any more, summed up: what they lost stays counted. */
  get gone(): Readonly<Record<string, number>> {
    return this.#gone.snapshot();
  }

  watch({ source, settings, firstTrackId }: Omit<WatchSource, 'type'>): void {
    const parts = this.#parts;
    if (parts === undefined) {
      this.#early.set(source, { source, settings, firstTrackId });
      return;
    }
    if (this.#watched.has(source)) return;
    const { clock, onCount } = parts;
    const pictures = new PushedPictures(clock);
    const stop = new AbortController();
    const loop = new CameraLoop({
      ...parts,
      ...{ id: source, settings: VisionSettings.parse(settings), firstTrackId },
      feed: { makeSource: () => new PushedSource(pictures), traits: TRAITS, stallMs: STALL_MS, asItCame: true },
    });
    const before = this.#ending.get(source) ?? Promise.resolve();
    const ended = before.then(() => loop.run(stop.signal));
    this.#watched.set(source, { loop, pictures, stop, ended });
    loop.reportState();
    onCount(this.#watched.size);
  }

  /** A frame came; what came for a source that is not watched any more, or not yet, is answered and looked at by nobody. */
  push({ source, ...picture }: PushFrame): void {
    this.#report({ type: 'taken', source });
    const watched = this.#watched.get(source);
    if (watched === undefined) {
      this.unwatched++;
      return;
    }
    watched.pictures.push(picture);
    watched.loop.hurry();
  }

  async unwatch(source: string): Promise<void> {
    this.#early.delete(source);
    const watched = this.#watched.get(source);
    if (watched === undefined) return;
    this.#watched.delete(source);
    this.#parts?.onCount(this.#watched.size);
    watched.stop.abort();
    this.#ending.set(source, watched.ended);
    await watched.ended;
    for (const [name, count] of Object.entries(watched.loop.tick().counters)) this.#gone.add(name, count);
    if (this.#ending.get(source) === watched.ended) this.#ending.delete(source);
    if (!this.#watched.has(source)) this.#parts?.turns.forget(source);
  }

  /** Ends all. */
  async close(): Promise<void> {
    await Promise.all([...[...this.#watched.keys()].map((source) => this.unwatch(source)), ...this.#ending.values()]);
  }
}
