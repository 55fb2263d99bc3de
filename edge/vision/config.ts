import { z } from 'zod';
import { atMostKeys } from '../../base/config-keys.js';
import { Id } from '../../protocol/ids.js';
import { DEFAULT_LABELS } from './tracked-labels.js';

const Unit = z.number().min(0).max(1);
const Score = Unit;
const Ms = z.int().min(0).max(86_400_000);

/** Points x, y in fractions of the picture, so that a mask or zone survives a change of resolution. */
const Polygon = z
  .array(z.tuple([Unit, Unit]))
  .min(3)
  .max(64);

/** The motion gate: what counts as a change of the picture. Grey levels are 0..255, times ms. */
export const MotionSettings = z.strictObject({
  enabled: z.boolean().default(true).describe('false: no gate; the detector looks at every frame and motion stays OFF'),
  threshold: z
    .number()
    .min(2)
    .max(128)
    .default(8)
    .describe(
      'smallest change that counts, levels of a cell mean; noise raises it by itself. 8: finds walkers in dull light (12 loses a fifth more on simulated scenes), above JPEG breathing (1 to 4 on real clips)',
    ),
  areaMin: Unit.default(0.0006).describe(
    'smallest patch of change, fraction of the picture; 0.0006 is a 16x12 px thing in 640x480, the smallest a detector could name',
  ),
  lightningFraction: z
    .number()
    .min(0.1)
    .max(1)
    .default(0.55)
    .describe('a change of more of the picture than this is light, IR switch or a push, not an object'),
  calibrateMs: Ms.default(500).describe('time the first background is averaged over; the detector looks meanwhile'),
  absorbAfterMs: Ms.default(8000).describe('a changed patch that keeps still this long becomes background'),
  backgroundTauMs: z.int().min(500).max(3_600_000).default(10_000).describe('time constant of slow light, ms'),
  offDelayMs: Ms.default(5000).describe('quiet time before the motion topic says OFF'),
  masks: z
    .array(Polygon)
    .max(32)
    .default([])
    .describe('parts of the picture where motion is ignored (trees, clock overlays)'),
});
export type MotionSettings = z.infer<typeof MotionSettings>;

/** Where the detector looks. */
export const RegionSettings = z.strictObject({
  mode: z
    .enum(['auto', 'whole'])
    .default('auto')
    .describe('whole: never crops; for models trained on whole pictures of one camera only'),
  regionsMax: z
    .int()
    .min(1)
    .max(16)
    .default(3)
    .describe('detector calls per frame; more wanted means one whole picture'),
  zoomMin: z
    .number()
    .min(1)
    .max(10)
    .default(1.6)
    .describe(
      'a crop must show things at least this much larger than the whole picture would, else the whole is looked at: it clips nobody',
    ),
  coverageMax: Unit.default(0.6).describe('crops covering more of the picture than this are one whole picture'),
  margin: z
    .number()
    .min(1)
    .max(4)
    .default(2)
    .describe(
      'crop side over object side. 2: at 1.35, as Frigate has it, YOLOX-Nano is blind for a second to somebody who fills the crop and sees them at once in twice the space',
    ),
  wholeEveryMs: Ms.default(10_000).describe('the whole picture at least this often, even on a still scene'),
  recheckEveryMs: Ms.default(5000).describe('a stationary object without motion on it is looked at this often'),
});
export type RegionSettings = z.infer<typeof RegionSettings>;

const filterFields = {
  scoreMin: Score.optional().describe("a lower score starts no track; default: the model's own threshold"),
  threshold: Score.optional().describe(
    'median score a track needs before it is told; default: 0.05 above scoreMin, so that one lucky frame is not enough',
  ),
  areaMin: Unit.default(0).describe('smallest box, fraction of the picture'),
  areaMax: Unit.default(1).describe('largest box, fraction of the picture'),
  ratioMin: z.number().min(0).default(0).describe('smallest width / height in pixels'),
  ratioMax: z.number().min(0).default(1000).describe('largest width / height in pixels'),
  masks: z.array(Polygon).max(32).default([]).describe('no object whose bottom-centre lies here'),
};

/** Filter of one label. */
export const ObjectFilter = z.strictObject(filterFields);
export type ObjectFilter = z.infer<typeof ObjectFilter>;

const LabelFilter = z.strictObject({
  scoreMin: filterFields.scoreMin,
  threshold: filterFields.threshold,
  areaMin: Unit.optional(),
  areaMax: Unit.optional(),
  ratioMin: z.number().min(0).optional(),
  ratioMax: z.number().min(0).optional(),
  masks: z.array(Polygon).max(32).optional(),
});

/** Which detections are believed. */
export const ObjectSettings = z.strictObject({
  labels: z
    .array(z.string().min(1).max(64))
    .min(1)
    .max(128)
    .default([...DEFAULT_LABELS])
    .describe('labels that are tracked; others are dropped'),
  filter: ObjectFilter.prefault({}).describe('holds for every label'),
  perLabel: z
    .record(z.string().min(1).max(64), LabelFilter)
    .default({})
    .describe('replaces fields of filter for a label'),
});
export type ObjectSettings = z.infer<typeof ObjectSettings>;

/** A zone: where an object stands, told by the bottom-centre of its box. */
export const ZoneSettings = z.strictObject({
  polygon: Polygon,
  labels: z.array(z.string().min(1).max(64)).max(128).optional().describe('absent: every label'),
  enterFrames: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('looks inside before it counts as in; 3 as Frigate zone inertia'),
  leaveFrames: z.int().min(1).max(100).default(3).describe('looks outside before it counts as out'),
});
export type ZoneSettings = z.infer<typeof ZoneSettings>;

/** The tracker. All holds are times, so that they mean the same at 2 and at 30 frames/s. */
export const TrackerSettings = z.strictObject({
  hitsMin: z.int().min(1).max(30).default(3).describe('looks that must see a new object before it is told'),
  confirmMs: Ms.default(250).describe('time a new object must be seen for; at 10 frames/s the third look'),
  missedMsMax: Ms.default(2000).describe('an object unseen this long (while looked for) has left'),
  exitMsMax: Ms.default(700).describe('the same for one last seen walking out over the edge of the picture'),
  occludedMsMax: Ms.default(5000).describe('the same for one hidden behind another tracked object'),
  stationaryMissedMsMax: Ms.default(5000).describe(
    'the same for a stationary one: parked cars flicker more than they leave',
  ),
  stationaryAfterMs: Ms.default(5000).describe('keeping still this long makes it stationary'),
  tracksMax: z
    .int()
    .min(1)
    .max(1024)
    .default(96)
    .describe('tracks held, told and untold; more are refused and counted'),
});
export type TrackerSettings = z.infer<typeof TrackerSettings>;

/** How often a track speaks. */
export const EventSettings = z.strictObject({
  updateEveryMs: Ms.default(2000).describe('at most one update for movement and score in this time, per track'),
  moveMin: Unit.default(0.05).describe(
    'movement worth an update, fraction of the picture diagonal (5 % as Frigate path points)',
  ),
  scoreGainMin: Score.default(0.05).describe('gain of the best score worth an update'),
});
export type EventSettings = z.infer<typeof EventSettings>;

/** The picture that is published per label. */
export const SnapshotSettings = z.strictObject({
  enabled: z.boolean().default(true),
  style: z
    .enum(['full', 'crop'])
    .default('full')
    .describe('full: the whole picture with the box drawn; crop: the object and its surroundings'),
  heightPxMax: z.int().min(32).max(4320).default(480).describe('taller pictures are scaled down'),
  quality: z
    .int()
    .min(20)
    .max(95)
    .default(75)
    .describe('JPEG quality to begin with; lowered when the picture is too big'),
  everyMs: Ms.default(5000).describe('at most one picture per label in this time'),
  bestForMs: Ms.default(60_000).describe('a best picture older than this gives way to any newer one'),
});
export type SnapshotSettings = z.infer<typeof SnapshotSettings>;

/** What one camera's vision does, defaults included. `VisionSettings.parse({})` is a working set. */
export const VisionSettings = z.strictObject({
  motion: MotionSettings.prefault({}),
  regions: RegionSettings.prefault({}),
  objects: ObjectSettings.prefault({}),
  zones: z
    .record(Id, ZoneSettings)
    .default({})
    .refine(...atMostKeys(16, 'zones, as many as a record holds')),
  tracker: TrackerSettings.prefault({}),
  events: EventSettings.prefault({}),
  snapshot: SnapshotSettings.prefault({}),
});
export type VisionSettings = z.infer<typeof VisionSettings>;
