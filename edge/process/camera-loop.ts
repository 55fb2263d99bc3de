import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { RateLimitedLog } from '../../base/rate-limited-log.js';
import { SNAPSHOT_BYTES_MAX } from '../../protocol/picture-limits.js';
import { Camera } from '../capture/camera.js';
import type { Frame, RgbPicture } from '../capture/frame.js';
import { decodePicture } from '../capture/picture-decoder.js';
import type { CameraFeed } from '../capture/source-factory.js';
import { digestInRecord } from '../sharing/audits/audit-effects.js';
import type { BoxXyxyPx } from '../vision/box.js';
import type { VisionSettings } from '../vision/config.js';
import type { Detection } from '../vision/detection.js';
import type { Detector } from '../vision/detector.js';
import type { SnapshotCandidate } from '../vision/event/best-frame.js';
import { encodeSnapshot } from '../vision/event/snapshot.js';
import { trackEventToRecordFields } from '../vision/event/track-event.js';
import { CameraPipeline, type PipelineOutput } from '../vision/pipeline.js';
import { CandidateMaker } from './candidate-maker.js';
import type { OfferBox } from './offer-box.js';
import { OfferingDetector } from './offering-detector.js';
import { SnapshotDesk, type SnapshotOrder } from './snapshot-desk.js';
import type { Turn, Turns } from './turns.js';
import type { Adjustment, AskSnapshot, TickReport, VisionReport } from './vision-message.js';

export type CameraLoopOptions = {
  readonly id: string;
  readonly feed: CameraFeed;
  readonly settings: VisionSettings;
  readonly detector: Detector;
  /** Of all cameras of the node. */
  readonly turns: Turns;
  /** Where its frames may be looked at by others. */
  readonly offers?: OfferBox;
  /** Frames of a recording that are begun while the one before them is looked at; default none. */
  readonly aheadMax?: number;
  /** The model's own score threshold, 0..1. */
  readonly modelScoreMin: number;
  /** First track number that is free in this epoch. */
  readonly firstTrackId: number;
  /** Tells pictures of records, for audits. */
  readonly audits: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly report: (report: VisionReport) => void;
};

/** A turn of the event loop reads up to 4 MiB of a pipe, which is about what one holds. */
const READ_ON_TURNS_MAX = 8;

const COUNTERS = [
  'looked',
  'inferences',
  'decodeMs',
  'gateMs',
  'inferMs',
  'inference-failed',
  'snapshot-failed',
  'looked-away',
  'offer-dropped',
  'candidates',
  'candidateMs',
  'candidate-failed',
] as const;

/** One camera in the vision process: takes its newest frame, decodes it, runs the pipeline, reports what came of it. */
export class CameraLoop {
  readonly #options: CameraLoopOptions;
  readonly #camera: Camera;
  readonly #pipeline: CameraPipeline;
  readonly #offering: OfferingDetector | undefined;
  readonly #counters = new Counters(COUNTERS);
  readonly #faults: RateLimitedLog;
  readonly #asked: SnapshotDesk;
  readonly #candidates: CandidateMaker | undefined;
  #size = { widthPx: 1, heightPx: 1 };
  #busySinceMonoMs: number | undefined;
  #isWaiting = false;
  #resumedMonoMs = Number.NEGATIVE_INFINITY;
  #lastCapturedAtMs: number | undefined;
  /** Of the frame the events are told from; undefined where its records do not name it. */
  #digest: string | undefined;
  #isOk = false;
  #isEndDue = false;
  /** A recording's frames are all looked at, so the next one is known; of a camera it is the newest when its turn comes. */
  readonly #aheadMax: number;
  /** Frames begun and not done with. */
  #begun = 0;
  /** The look at the frame begun last. */
  #last = Promise.resolve();
  /** Looks that are not waited for yet, the oldest first. */
  readonly #ahead: Promise<void>[] = [];

  constructor(options: CameraLoopOptions) {
    const { id, feed, settings, modelScoreMin, clock, random, log } = options;
    this.#options = options;
    this.#faults = new RateLimitedLog(log, clock);
    this.#asked = new SnapshotDesk(clock);
    const { asItCame = false, ...driver } = feed;
    // What a device sends is not this node's doing, were it the same picture for ever.
    const isLive = !feed.traits.repeats && !asItCame;
    const candidates = { camera: id, isLive, asItCame, scoreMin: modelScoreMin, clock };
    this.#candidates = options.audits ? new CandidateMaker(candidates) : undefined;
    this.#aheadMax = feed.traits.every && options.offers === undefined ? (options.aheadMax ?? 0) : 0;
    this.#camera = new Camera({
      id,
      ...driver,
      takenMax: 1 + this.#aheadMax,
      clock,
      random,
      log,
      onState: () => this.#onCameraState(),
    });
    const { offers, turns, detector: here } = options;
    const onWaiting = (isWaiting: boolean) => {
      this.#isWaiting = isWaiting;
      this.#resumedMonoMs = clock.monoMs();
    };
    this.#offering =
      offers === undefined ? undefined : new OfferingDetector({ camera: id, here, offers, turns, clock, onWaiting });
    const detector = this.#offering ?? here;
    this.#pipeline = new CameraPipeline({ camera: id, detector, settings, modelScoreMin, clock });
  }

  /** Runs until the signal aborts or a source that plays once has ended; open tracks are then ended. */
  async run(signal: AbortSignal): Promise<void> {
    this.#reportCounts(this.#pipeline.labels.map((label) => ({ label, count: 0 })));
    this.#options.report({ type: 'motion', camera: this.#options.id, on: false });
    const capture = this.#camera.run(signal);
    try {
      while (await this.#camera.slot.ready(signal)) await this.#takeTurn(signal);
      await this.#last;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await capture;
      await this.#last.catch(() => {});
      this.#endTracks();
    }
  }

  /** Makes what commands have changed hold from the next frame on; a paused camera is closed. */
  adjust({ paused, scoresMin }: Adjustment): void {
    this.#pipeline.adjust(scoresMin);
    if (paused === undefined) this.#camera.resume();
    else this.#camera.pause(paused);
  }

  /** Publishes a picture of the next frame, or answers why not. */
  ask(ask: AskSnapshot): void {
    const refused = this.#asked.ask(ask);
    if (refused !== undefined) this.#options.report(refused);
  }

  /** A picture was pushed to a source that had been silent: it is not to wait for its next attempt. */
  hurry(): void {
    this.#camera.hurry();
  }

  /** How long the frame now worked on has taken, ms; 0 between frames, and while others have it. */
  get busyMs(): number {
    if (this.#busySinceMonoMs === undefined || this.#isWaiting) return 0;
    return this.#options.clock.monoMs() - Math.max(this.#busySinceMonoMs, this.#resumedMonoMs);
  }

  tick(): TickReport['cameras'][string] {
    const { fps, frameAgeMs } = this.#camera.status();
    const { lastInferMonoMs, tracksRefused } = this.#pipeline.state;
    return {
      fps,
      frameAgeMs,
      inferAgeMs: lastInferMonoMs === undefined ? null : this.#options.clock.monoMs() - lastInferMonoMs,
      counters: {
        ...this.#camera.counters(),
        ...this.#counters.snapshot(),
        'candidate-too-large': this.#candidates?.tooLarge ?? 0,
        'tracks-refused': tracksRefused,
      },
    };
  }

  /** The state of the camera as it is now. */
  reportState(): void {
    const { ok, reason, detail, fps, frameAgeMs } = this.#camera.status();
    this.#options.report({
      type: 'camera',
      camera: this.#options.id,
      state: {
        ok,
        fps,
        frameAgeMs,
        ...(reason === undefined ? {} : { reason }),
        ...(detail === undefined ? {} : { detail }),
      },
    });
  }

  async #takeTurn(signal: AbortSignal): Promise<void> {
    const { id, turns } = this.#options;
    const { slot } = this.#camera;
    slot.countUnder(() => (turns.cause === 'cooling' ? 'replaced-cooling' : 'replaced-waiting'));
    const turn = await turns.take(id, { isUrgent: this.#pipeline.isBusy }, signal);
    slot.countUnder(() => 'replaced');
    let isHandedOver = false;
    try {
      if (!this.#options.feed.traits.every) await this.#readOn();
      // What waited may have been discarded meanwhile: the camera failed.
      const frame = slot.takeNow();
      if (frame === undefined) return;
      this.#begun++;
      this.#busySinceMonoMs ??= this.#options.clock.monoMs();
      this.#offering?.begin({
        ...{ turn, signal, isUrgent: this.#pipeline.isBusy, capturedMonoMs: frame.capturedMonoMs },
      });
      const picture = await this.#decode(frame);
      const ahead = this.#lookAhead(picture);
      isHandedOver = true;
      const look = this.#last.then(() => this.#look(frame, picture, ahead)).finally(() => this.#endTurn(turn));
      this.#last = look;
      await (ahead === undefined ? look : this.#goOn(look));
    } finally {
      if (!isHandedOver) this.#endTurn(turn);
    }
  }

  // Whoever waits for a look hears of its failure.
  async #goOn(look: Promise<void>): Promise<void> {
    look.catch(() => {});
    this.#ahead.push(look);
    while (this.#ahead.length > this.#aheadMax) await this.#ahead.shift();
  }

  #lookAhead(picture: RgbPicture | undefined): Promise<readonly Detection[]> | undefined {
    if (this.#aheadMax === 0 || picture === undefined) return undefined;
    const ahead = this.#pipeline.lookAhead(picture);
    ahead?.catch(() => {});
    return ahead;
  }

  // A detector in this thread keeps it from reading: what came meanwhile lies in the pipe, the oldest first. It is read,
  // replaced and counted before one is taken, or every look would be at a frame that is older than the one before.
  async #readOn(): Promise<void> {
    const { slot } = this.#camera;
    for (let turn = 0; turn < READ_ON_TURNS_MAX; turn++) {
      const { puts } = slot;
      await new Promise((resolve) => setImmediate(resolve));
      if (slot.puts === puts) return;
    }
  }

  #endTurn(turn: Turn): void {
    if (this.#offering?.end() === true) this.#counters.add('looked-away');
    turn.end();
  }

  async #look(
    frame: Frame,
    picture: RgbPicture | undefined,
    ahead: Promise<readonly Detection[]> | undefined,
  ): Promise<void> {
    const { clock, id } = this.#options;
    this.#lastCapturedAtMs = frame.capturedAtMs;
    this.#digest = frame.digest;
    try {
      if (picture === undefined) return;
      this.#size = picture;
      const output = await this.#pipeline.process(picture, frame.capturedAtMs, frame.capturedMonoMs, ahead);
      this.#tell(output, await this.#keepForAudit(frame, picture, output));
      for (const candidate of output.snapshots) await this.#snapshot(picture, candidate);
      await this.#serveAsked(picture);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      if (error.code === 'timeout') {
        this.#counters.add('offer-dropped');
        return;
      }
      if (error.code !== 'inference-failed') throw error;
      this.#counters.add('inference-failed');
      this.#faults.warn('inference failed', { cameraId: id, error: error.message });
    } finally {
      this.#begun--;
      this.#busySinceMonoMs = this.#begun === 0 ? undefined : clock.monoMs();
      if (this.#isEndDue && this.#begun === 0) this.#endTracks();
    }
  }

  async #decode(frame: Frame): Promise<RgbPicture | undefined> {
    if (frame.picture.kind === 'rgb') return frame.picture;
    const startMs = this.#options.clock.monoMs();
    try {
      const picture = await decodePicture(frame.picture.bytes, {
        subject: frame.name ?? `frame ${frame.index} of camera ${this.#options.id}`,
      });
      this.#camera.reportDecoded();
      return picture;
    } catch (error) {
      this.#camera.reportBadPicture(error);
      this.#faults.warn('picture refused', { cameraId: this.#options.id, error: messageOf(error) });
      return undefined;
    } finally {
      this.#counters.add('decodeMs', this.#options.clock.monoMs() - startMs);
    }
  }

  // A record whose picture could not be kept is as good as any other: it will not be audited.
  async #keepForAudit(frame: Frame, picture: RgbPicture, output: PipelineOutput): Promise<string | undefined> {
    const { clock, report, id } = this.#options;
    const isQuiet = output.events.every(({ ev }) => ev === 'end');
    if (isQuiet && output.stats.detectorCalls === 0) return undefined;
    if (this.#candidates?.isDue(isQuiet) !== true) return undefined;
    const startMs = clock.monoMs();
    try {
      const candidate = await this.#candidates.make(frame, picture, isQuiet);
      if (candidate === undefined) return undefined;
      report(candidate);
      this.#counters.add('candidates');
      return candidate.digest;
    } catch (error) {
      this.#counters.add('candidate-failed');
      this.#faults.warn('no picture for audits', { cameraId: id, error: messageOf(error) });
      return undefined;
    } finally {
      this.#counters.add('candidateMs', clock.monoMs() - startMs);
    }
  }

  #tell(output: PipelineOutput, digest: string | undefined): void {
    const { stats } = output;
    this.#counters.add('looked');
    this.#counters.add('inferences', stats.detectorCalls);
    this.#counters.add('gateMs', stats.gateMs);
    this.#counters.add('inferMs', stats.inferMs);
    this.#reportChanges(output, digest);
  }

  #reportChanges(
    { events, counts, motion }: Pick<PipelineOutput, 'events' | 'counts' | 'motion'>,
    digest?: string,
  ): void {
    const { id, firstTrackId, report } = this.#options;
    for (const event of events) {
      const fields = trackEventToRecordFields(event, this.#size.widthPx, this.#size.heightPx);
      report({
        ...fields,
        type: 'track',
        camera: id,
        capturedAtMs: event.capturedAtMs,
        id: fields.id + firstTrackId - 1,
        ...nameOfFrame(event.ev === 'end' ? undefined : digest, this.#digest),
      });
    }
    this.#reportCounts(counts);
    if (motion !== undefined) report({ type: 'motion', camera: id, on: motion === 'ON' });
  }

  #reportCounts(counts: PipelineOutput['counts']): void {
    for (const { label, count } of counts)
      this.#options.report({ type: 'count', camera: this.#options.id, label, count });
  }

  async #snapshot(picture: RgbPicture, { box, label }: SnapshotCandidate): Promise<void> {
    try {
      await this.#publishPicture(picture, label, box);
    } catch (error) {
      this.#counters.add('snapshot-failed');
      this.#faults.warn('snapshot failed', { cameraId: this.#options.id, error: messageOf(error) });
    }
  }

  async #publishPicture(picture: RgbPicture, label: string, box: BoxXyxyPx | undefined): Promise<number> {
    const request = { picture, payloadBytesMax: SNAPSHOT_BYTES_MAX, ...(box === undefined ? {} : { box }) };
    const jpeg = new Uint8Array(await encodeSnapshot(request, this.#options.settings.snapshot));
    this.#options.report({ type: 'snapshot', camera: this.#options.id, label, jpeg });
    return jpeg.byteLength;
  }

  async #serveAsked(picture: RgbPicture): Promise<void> {
    const { orders, refusals } = this.#asked.serve(this.#pipeline.tracks);
    for (const refusal of refusals) this.#options.report(refusal);
    for (const order of orders) await this.#serveOne(picture, order);
  }

  async #serveOne(picture: RgbPicture, { request, label, track }: SnapshotOrder): Promise<void> {
    try {
      const bytes = await this.#publishPicture(picture, label, track?.box);
      this.#options.report({ type: 'answer', request, ok: true, label, bytes });
    } catch (error) {
      this.#counters.add('snapshot-failed');
      this.#options.report({ type: 'answer', request, ok: false, code: 'failed', message: messageOf(error) });
    }
  }

  // Nobody can be followed by a camera that does not see: what was open ends when it fails, not when it comes back. A
  // frame that is being looked at comes first: the pipeline takes one thing at a time. A recording that came to its end
  // is looked at to the last frame; `run` ends its tracks.
  #onCameraState(): void {
    const { ok, reason } = this.#camera.status();
    if (this.#isOk && !ok && reason !== 'ended') {
      this.#camera.slot.discard();
      this.#isEndDue = true;
      if (this.#begun === 0) this.#endTracks();
    }
    this.#isOk = ok;
    this.reportState();
  }

  #endTracks(): void {
    this.#isEndDue = false;
    // They end because nothing is seen any more, not by what a frame shows.
    this.#digest = undefined;
    // A recording read as fast as it goes ends at its own time, not at that of the reading.
    const ownTimeMs = this.#options.feed.traits.every ? this.#lastCapturedAtMs : undefined;
    this.#reportChanges(this.#pipeline.end(ownTimeMs ?? this.#options.clock.nowMs()));
  }
}

/** What a record names its frame by: a source's by the JPEG as it came, a camera's by the one kept for an audit. */
function nameOfFrame(kept: string | undefined, asItCame: string | undefined): { readonly j?: string } {
  if (asItCame !== undefined) return { j: asItCame };
  return kept === undefined ? {} : { j: digestInRecord(kept) };
}
