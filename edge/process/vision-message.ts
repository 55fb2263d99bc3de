import { z } from 'zod';
import { CAMERA_REASONS } from '../../protocol/camera-reasons.js';
import { SharedBox } from '../../protocol/shared-box.js';
import { COLOUR_WAYS } from '../capture/other-colours.js';

// What the node's main process and its vision process say to each other over the IPC channel.
// Both sides check what they read: a child that was broken by a hostile model must not break its parent.

const Permille = z.int().min(0).max(1000);
const Counts = z.record(z.string(), z.number().min(0));

/** What commands have changed on one camera: all of it, so that a message that comes twice changes nothing. */
const Adjustment = z.object({
  /** Why it is paused, as its state tells it; absent: it is not. */
  paused: z.string().optional(),
  /** Score that starts a track, by label, in place of the configured one. */
  scoresMin: z.record(z.string(), z.number().min(0).max(1)),
});
export type Adjustment = z.infer<typeof Adjustment>;

/** Parent to child, first message: everything it needs to know. */
export const StartVision = z.object({
  type: z.literal('start'),
  node: z.string(),
  modelPath: z.string(),
  /** Of one inference. */
  threads: z.int().min(1),
  /** Detectors that run at once. */
  instances: z.int().min(1),
  frameDeadlineMs: z.number().min(1),
  /** How often the child is to say that its event loop turns. */
  tickMs: z.number().min(1),
  simCommand: z.array(z.string()),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']),
  /** Camera configurations as in the file, checked again by the child. */
  cameras: z.record(z.string(), z.unknown()),
  /** Per camera, the first track number that is free in this epoch. */
  firstTrackIds: z.record(z.string(), z.int().min(1)),
  /** Share of the time its detectors may work, 0..1. */
  share: z.number().gt(0).max(1),
  /** Frames may be looked at by other nodes, and theirs here: detectors then run in threads of their own. */
  offers: z.boolean(),
  /** How its detectors were used is told with every tick: what is unused is for others, or for sources. */
  tellsWork: z.boolean(),
  /** Pictures of records are told, for audits. */
  audits: z.boolean(),
  /** By camera; those that are left out are as configured. */
  adjustments: z.record(z.string(), Adjustment),
  /** Sources that are watched, as by `watch`. */
  sources: z.array(z.object({ source: z.string(), settings: z.unknown(), firstTrackId: z.int().min(1) })),
});
export type StartVision = z.infer<typeof StartVision>;

/** Parent to child: end open tracks, then exit. */
export const StopVision = z.object({ type: z.literal('stop') });

/** Parent to child: from now on this holds for a camera. */
export const AdjustVision = z.object({ type: z.literal('adjust'), camera: z.string(), adjustment: Adjustment });

/** Parent to child: a picture of the next frame, published as that label's; answered by `request`. */
export const AskSnapshot = z.object({
  type: z.literal('snapshot'),
  request: z.string(),
  camera: z.string(),
  /** The best object of this label; absent: the whole picture. */
  label: z.string().optional(),
});
export type AskSnapshot = z.infer<typeof AskSnapshot>;

/** Parent to child: from now on its detectors may work for this share of the time. */
export const ShareVision = z.object({ type: z.literal('share'), share: z.number().gt(0).max(1) });

/** Parent to child: run the detector on a picture that is no camera's; answered by `looked`. */
export const LookVision = z.object({
  type: z.literal('look'),
  request: z.string(),
  jpeg: z.instanceof(Uint8Array),
  /** Boxes below it are not wanted, 0..1. */
  scoreMin: z.number().min(0).max(1),
  /** Not at the picture as it is decoded here, but as another decoder would have it. */
  colours: z.enum(COLOUR_WAYS).optional(),
  /** For another node: after all own cameras. */
  isGuest: z.boolean(),
  /** Of such work: it has a turn among the cameras every few seconds, were they never at rest. */
  isOwed: z.boolean().optional(),
  /** After so long an answer is of no use; it is then not begun. */
  deadlineMs: z.number().min(1),
});
export type LookVision = z.infer<typeof LookVision>;

/** Parent to child: from now on so many frames may be at other nodes at a time. */
export const AwayVision = z.object({ type: z.literal('away'), places: z.int().min(0).max(64) });

/** Parent to child: what came of an `offer`; without boxes nobody looked. */
export const OfferedVision = z.object({
  type: z.literal('offered'),
  request: z.string(),
  /** In pixels of the picture that was offered, checked. */
  boxes: z.array(SharedBox).optional(),
});
export type OfferedVision = z.infer<typeof OfferedVision>;
/** Parent to child: from now on the frames of this source are looked at, as those of a camera. */
export const WatchSource = z.object({
  type: z.literal('watch'),
  source: z.string(),
  /** `VisionSettings`, checked again by the child. */
  settings: z.unknown(),
  firstTrackId: z.int().min(1),
});
export type WatchSource = z.infer<typeof WatchSource>;

/** Parent to child: no more. What it followed ends. */
export const UnwatchSource = z.object({ type: z.literal('unwatch'), source: z.string() });

/** Parent to child: a frame of a source that is watched; answered by `taken`, so that none wait between the two. */
export const PushFrame = z.object({
  type: z.literal('frame'),
  source: z.string(),
  jpeg: z.instanceof(Uint8Array),
  capturedAtMs: z.number(),
  /** First 16 hex digits of its SHA-256. */
  digest: z.string(),
});
export type PushFrame = z.infer<typeof PushFrame>;

export const VisionCommand = z.discriminatedUnion('type', [
  StartVision,
  StopVision,
  AdjustVision,
  AskSnapshot,
  ShareVision,
  LookVision,
  AwayVision,
  OfferedVision,
  WatchSource,
  UnwatchSource,
  PushFrame,
]);
export type VisionCommand = z.infer<typeof VisionCommand>;

/** What came of a `look`: boxes in pixels of the picture, best first; or a code why there are none. */
const LookReport = z.object({
  type: z.literal('looked'),
  request: z.string(),
  ok: z.boolean(),
  code: z.enum(['busy', 'late', 'picture', 'failed']).optional(),
  message: z.string().optional(),
  boxes: z.array(SharedBox).optional(),
  widthPx: z.int().min(1).optional(),
  heightPx: z.int().min(1).optional(),
  /** Of the detector, without waiting. */
  tookMs: z.number().min(0).optional(),
  /** It had its turn although cameras waited. */
  wasOwed: z.boolean().optional(),
});
export type LookReport = z.infer<typeof LookReport>;

/** A part of a frame another node is to look at, as a JPEG; answered by `offered`. */
const OfferReport = z.object({
  type: z.literal('offer'),
  request: z.string(),
  jpeg: z.instanceof(Uint8Array),
  widthPx: z.int().min(1),
  heightPx: z.int().min(1),
  scoreMin: z.number().min(0).max(1),
});
export type OfferReport = z.infer<typeof OfferReport>;

/** How the detectors were used, sums since the start; see `sharing/offers/spare-meter.ts`. */
const Work = z.object({
  frames: z.number().min(0),
  looks: z.number().min(0),
  framesMs: z.number().min(0),
  looksMs: z.number().min(0),
  detectorMs: z.number().min(0),
  places: z.int().min(0),
  detectors: z.int().min(1),
  /** Of a look at nothing, when nothing else ran. */
  firstLookMs: z.number().min(0),
});
export type Work = z.infer<typeof Work>;
/** The picture that track reports of the same camera with the same digest were seen in; told before them. */
const CandidateReport = z.object({
  type: z.literal('candidate'),
  camera: z.string(),
  capturedAtMs: z.number(),
  /** Nothing new was seen in it: no track report belongs to it. */
  isQuiet: z.boolean(),
  /** A sensor is behind the camera: no two pictures are the same. */
  live: z.boolean(),
  /** The model's own threshold. */
  scoreMin: z.number().min(0).max(1),
  /** SHA-256 of the JPEG, hex. */
  digest: z.string().length(64),
  jpeg: z.instanceof(Uint8Array),
});
export type CandidateReport = z.infer<typeof CandidateReport>;

export const CameraReport = z.object({
  ok: z.boolean(),
  reason: z.enum(CAMERA_REASONS).optional(),
  detail: z.string().optional(),
  fps: z.number().min(0),
  frameAgeMs: z.number().min(0).nullable(),
});
export type CameraReport = z.infer<typeof CameraReport>;

const CameraTick = z.object({
  frameAgeMs: z.number().min(0).nullable(),
  inferAgeMs: z.number().min(0).nullable(),
  fps: z.number().min(0),
  /** Counters since the child started: frames, drops by cause, detector calls, times in ms. */
  counters: Counts,
});

/** Child to parent. */
export const VisionReport = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ready'),
    model: z.object({ id: z.string(), sha256: z.string() }),
    labels: z.array(z.string()),
  }),
  z.object({ type: z.literal('failed'), code: z.string(), message: z.string(), hint: z.string().optional() }),
  z.object({ type: z.literal('camera'), camera: z.string(), state: CameraReport }),
  z.object({
    type: z.literal('track'),
    camera: z.string(),
    capturedAtMs: z.number(),
    ev: z.enum(['new', 'update', 'end']),
    id: z.int().min(1),
    l: z.string().max(64),
    p: Permille,
    b: z.tuple([Permille, Permille, Permille, Permille]),
    z: z.array(z.string()).max(16).optional(),
    st: z.literal(1).optional(),
    /** Of a source, of the frame it was told from; otherwise of the candidate it belongs to. First 16 hex digits of a SHA-256. */
    j: z.string().length(16).optional(),
  }),
  CandidateReport,
  z.object({ type: z.literal('taken'), source: z.string() }),
  z.object({ type: z.literal('count'), camera: z.string(), label: z.string(), count: z.int().min(0) }),
  z.object({ type: z.literal('motion'), camera: z.string(), on: z.boolean() }),
  z.object({ type: z.literal('snapshot'), camera: z.string(), label: z.string(), jpeg: z.instanceof(Uint8Array) }),
  z.object({
    type: z.literal('answer'),
    request: z.string(),
    ok: z.boolean(),
    code: z.string().optional(),
    message: z.string().optional(),
    /** Of the picture that was published. */
    label: z.string().optional(),
    bytes: z.int().min(0).optional(),
  }),
  LookReport,
  OfferReport,
  z.object({
    type: z.literal('tick'),
    /** How long the frame now worked on has taken, the longest of all cameras, ms. */
    busyMs: z.number().min(0),
    rssMiB: z.number().min(0),
    /** Counters of the detector, shared by all cameras. */
    counters: Counts,
    /** Where it is to be told. */
    work: Work.optional(),
    cameras: z.record(z.string(), CameraTick),
    /** Counters of sources that are not watched any more, all together. */
    gone: Counts.optional(),
  }),
]);
export type VisionReport = z.infer<typeof VisionReport>;
export type TrackReport = Extract<VisionReport, { type: 'track' }>;
export type AnswerReport = Extract<VisionReport, { type: 'answer' }>;
export type TickReport = Extract<VisionReport, { type: 'tick' }>;
