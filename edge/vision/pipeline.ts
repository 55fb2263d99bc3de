import type { Clock } from '../../base/clock.js';
import type { RgbPicture } from '../capture/frame.js';
import type { VisionSettings } from './config.js';
import type { Detection } from './detection.js';
import type { Detector } from './detector.js';
import { BestFrame, type SnapshotCandidate } from './event/best-frame.js';
import { EventStream } from './event/event-stream.js';
import { type LabelCount, LabelCounts } from './event/label-counts.js';
import { MotionSwitch } from './event/motion-switch.js';
import type { TrackEvent } from './event/track-event.js';
import { MotionGate } from './motion/motion-gate.js';
import type { Look } from './regions/look.js';
import { mergeLooks } from './regions/merge.js';
import { chooseRegions, type RegionDecision, type RegionReason } from './regions/region-choice.js';
import { DetectionFilter } from './track/detection-filter.js';
import type { TrackView } from './track/track.js';
import { Tracker } from './track/tracker.js';

export type CameraPipelineOptions = {
  /** Its id, for whoever tells pipelines apart. */
  readonly camera: string;
  readonly detector: Detector;
  readonly settings: VisionSettings;
  /** The model's own score threshold (its manifest); used wherever the settings give none. */
  readonly modelScoreMin: number;
  readonly clock: Clock;
};

/** What one frame has led to. */
export type PipelineOutput = {
  /** In the order to be recorded; boxes in pixels of the frame just processed. */
  readonly events: readonly TrackEvent[];
  /** Counts that changed. */
  readonly counts: readonly LabelCount[];
  /** The new state of motion, when it changed. */
  readonly motion: 'ON' | 'OFF' | undefined;
  /** Objects whose picture is to be published, cut from the frame just processed. */
  readonly snapshots: readonly SnapshotCandidate[];
  readonly stats: PipelineStats;
};

/** What the end of a scene has led to. */
export type PipelineEnd = Pick<PipelineOutput, 'events' | 'counts' | 'motion'> & {
  /** Size of the picture the boxes of the events belong to: the last one processed; 1 when there was none. */
  readonly widthPx: number;
  readonly heightPx: number;
};

/** Where the time of one frame went, ms of the monotonic clock, and why the detector looked. */
export type PipelineStats = {
  readonly detectorCalls: number;
  readonly reason: RegionReason;
  readonly gateMs: number;
  readonly inferMs: number;
  readonly trackMs: number;
};

/** How far the pipeline has come: what a heartbeat made by progress reports. */
export type PipelineState = {
  readonly frames: number;
  readonly detectorCalls: number;
  /** Monotonic ms; undefined before the first. */
  readonly lastFrameMonoMs: number | undefined;
  readonly lastInferMonoMs: number | undefined;
  readonly motion: 'ON' | 'OFF';
  readonly counts: readonly LabelCount[];
  /** Objects refused because too many were tracked. */
  readonly tracksRefused: number;
};

/** One camera's path from pixels to events. Frames are processed one at a time, in the order of their capture. */
export class CameraPipeline {
  readonly camera: string;
  readonly #detector: Detector;
  readonly #settings: VisionSettings;
  readonly #clock: Clock;
  readonly #filter: DetectionFilter;
  readonly #gate: MotionGate;
  readonly #tracker: Tracker;
  readonly #events: EventStream;
  readonly #counts: LabelCounts;
  readonly #motionSwitch: MotionSwitch;
  readonly #bestFrame: BestFrame;
  #size: { readonly widthPx: number; readonly heightPx: number } | undefined;
  #wholeMonoMs: number | undefined;
  #lastFrameMonoMs: number | undefined;
  #lastInferMonoMs: number | undefined;
  #frames = 0;
  #detectorCalls = 0;

  constructor({ camera, detector, settings, modelScoreMin, clock }: CameraPipelineOptions) {
    this.camera = camera;
    this.#detector = detector;
    this.#settings = settings;
    this.#clock = clock;
    this.#filter = new DetectionFilter(settings.objects, detector.labels, modelScoreMin);
    this.#gate = new MotionGate(settings.motion);
    this.#tracker = new Tracker(settings.tracker, this.#filter);
    this.#events = new EventStream(settings.events, settings.zones);
    this.#counts = new LabelCounts(this.#filter.labels);
    this.#motionSwitch = new MotionSwitch(settings.motion.offDelayMs);
    this.#bestFrame = new BestFrame(settings.snapshot);
  }

  /**
   * Has the detector look at the frame after the one that is being processed, where it is sure to be looked at whole.
   * @returns undefined where that depends on what is seen before; what it sees otherwise, for `process`.
   */
  lookAhead(picture: RgbPicture): Promise<readonly Detection[]> | undefined {
    if (this.#settings.motion.enabled || this.#size === undefined || this.#isResized(picture)) return undefined;
    return this.#detector.detect(picture, { scoreMin: this.#filter.scoreFloor });
  }

  /**
   * Takes one frame through all stages.
   * @param ahead what `lookAhead` gave for this frame, if it was called.
   * @throws OperationError `inference-failed` from the detector; the frame then counts as not looked at.
   */
  async process(
    picture: RgbPicture,
    capturedAtMs: number,
    capturedMonoMs: number,
    ahead?: Promise<readonly Detection[]>,
  ): Promise<PipelineOutput> {
    const { widthPx, heightPx } = picture;
    // Boxes in pixels mean nothing in a picture of another size: what was open ends, then the frame is the first.
    const before = this.#isResized(picture) ? inPixelsOf(picture, this.end(capturedAtMs)) : undefined;
    this.#size = { widthPx, heightPx };
    const monoMs = Math.max(capturedMonoMs, this.#lastFrameMonoMs ?? capturedMonoMs);
    const startMs = this.#clock.monoMs();

    const reading = this.#settings.motion.enabled ? this.#gate.read(picture, monoMs) : undefined;
    const gatedMs = this.#clock.monoMs();
    const decision = chooseRegions(this.#regionInput(picture, reading, monoMs), this.#settings.regions);
    const looks = await this.#look(picture, decision, monoMs, ahead);
    const inferredMs = this.#clock.monoMs();
    const merged = mergeLooks(looks, widthPx, heightPx);
    const detections = this.#filter.apply(merged, widthPx, heightPx);
    const ended = this.#tracker.update({ detections, regions: decision.regions, widthPx, heightPx, monoMs });
    const tracks = this.#tracker.told;
    const events = this.#events.process({ tracks, ended, widthPx, heightPx, capturedAtMs, monoMs });
    const counts = this.#counts.update(tracks);
    const motion = reading === undefined ? undefined : this.#motionSwitch.update(reading, monoMs);
    const snapshots = this.#bestFrame.choose(tracks, widthPx, heightPx, monoMs);

    this.#frames++;
    this.#lastFrameMonoMs = monoMs;
    return {
      events: [...(before?.events ?? []), ...events],
      counts: before === undefined ? counts : joinCounts(before.counts, counts),
      motion: motion ?? before?.motion,
      snapshots,
      stats: {
        detectorCalls: looks.length,
        reason: decision.reason,
        gateMs: gatedMs - startMs,
        inferMs: inferredMs - gatedMs,
        trackMs: this.#clock.monoMs() - inferredMs,
      },
    };
  }

  /**
   * Ends every open track, as when the camera is lost or the node stops, and forgets the scene; ids go on counting.
   * @param capturedAtMs wall clock ms the ends are stamped with.
   */
  end(capturedAtMs: number): PipelineEnd {
    const { widthPx, heightPx } = this.#size ?? { widthPx: 1, heightPx: 1 };
    const ended = this.#tracker.end();
    const monoMs = this.#lastFrameMonoMs ?? 0;
    const events = this.#events.process({ tracks: [], ended, widthPx, heightPx, capturedAtMs, monoMs });
    this.#gate.reset();
    this.#wholeMonoMs = undefined;
    this.#size = undefined;
    return { events, counts: this.#counts.update([]), motion: this.#motionSwitch.end(), widthPx, heightPx };
  }

  /** From the next frame on, these labels need such a score; the others are as configured. */
  adjust(scoresMin: Readonly<Record<string, number>>): void {
    this.#filter.adjust(scoresMin);
  }

  get state(): PipelineState {
    return {
      frames: this.#frames,
      detectorCalls: this.#detectorCalls,
      lastFrameMonoMs: this.#lastFrameMonoMs,
      lastInferMonoMs: this.#lastInferMonoMs,
      motion: this.#motionSwitch.state,
      counts: this.#counts.all,
      tracksRefused: this.#tracker.refused,
    };
  }

  /** Something moves in the picture, or is being followed. */
  get isBusy(): boolean {
    return this.#motionSwitch.state === 'ON' || this.#tracker.told.length > 0;
  }

  /** The open tracks, by id: what a live view draws. */
  get tracks(): readonly TrackView[] {
    return this.#tracker.told;
  }

  /** Labels that are tracked: those whose counts are published. */
  get labels(): readonly string[] {
    return this.#filter.labels;
  }

  #isResized({ widthPx, heightPx }: RgbPicture): boolean {
    return this.#size !== undefined && (this.#size.widthPx !== widthPx || this.#size.heightPx !== heightPx);
  }

  #regionInput(picture: RgbPicture, motion: ReturnType<MotionGate['read']> | undefined, monoMs: number) {
    const { widthPx, heightPx } = picture;
    const { inputWidthPx, inputHeightPx } = this.#detector;
    const tracks = this.#tracker.regionTracks(monoMs);
    return { widthPx, heightPx, inputWidthPx, inputHeightPx, monoMs, motion, tracks, wholeMonoMs: this.#wholeMonoMs };
  }

  async #look(
    picture: RgbPicture,
    decision: RegionDecision,
    monoMs: number,
    ahead: Promise<readonly Detection[]> | undefined,
  ): Promise<Look[]> {
    const looks: Look[] = [];
    const scoreMin = this.#filter.scoreFloor;
    for (const region of decision.regions) {
      const options = decision.isWhole ? { scoreMin } : { scoreMin, region };
      looks.push({ region, detections: await (ahead ?? this.#detector.detect(picture, options)) });
      this.#detectorCalls++;
      this.#lastInferMonoMs = this.#clock.monoMs();
    }
    if (decision.isWhole) this.#wholeMonoMs = monoMs;
    return looks;
  }
}

function inPixelsOf({ widthPx, heightPx }: RgbPicture, end: PipelineEnd): PipelineEnd {
  const scaleX = widthPx / end.widthPx;
  const scaleY = heightPx / end.heightPx;
  const events = end.events.map((event): TrackEvent => {
    const [x1, y1, x2, y2] = event.box;
    return { ...event, box: [x1 * scaleX, y1 * scaleY, x2 * scaleX, y2 * scaleY] };
  });
  return { ...end, events, widthPx, heightPx };
}

function joinCounts(before: readonly LabelCount[], now: readonly LabelCount[]): LabelCount[] {
  const counts = new Map(before.map(({ label, count }) => [label, count]));
  for (const { label, count } of now) counts.set(label, count);
  return [...counts].map(([label, count]) => ({ label, count }));
}
