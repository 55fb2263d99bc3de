import { z } from 'zod';
import { Epoch, Id } from './ids.js';
import { SHARED_BOXES_MAX, SharedBox } from './shared-box.js';

// What nodes say to each other to share work: sources they watch, crops they give away, results they check.

const V = z.int().min(0);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'allowed: 64 of 0-9a-f');
const Fps = z.number().min(0).max(100_000);
const SidePx = z.int().min(1).max(65_535);
const RequestId = z.string().min(1).max(64);
const WallMs = z.int().min(0);
const Score = z.number().min(0).max(1);

/** Sources one node lists at most. */
export const SOURCES_MAX = 256;

/** What a camera without a detector may say of itself. Nothing in it is needed. */
export const SourceInfo = z.object({
  v: V,
  name: z.string().max(200).optional().describe('display name'),
  contentType: z.string().max(64).optional().describe('of its frames; only image/jpeg is taken'),
  widthPx: SidePx.optional(),
  heightPx: SidePx.optional(),
  fps: Fps.optional().describe('frames per second it means to send'),
});
export type SourceInfo = z.infer<typeof SourceInfo>;

/** A node whose results two others have disputed too often, as the writer of the claims sees it. */
export const Doubt = z.object({
  node: Id,
  model: Sha256.describe('model it said it ran'),
  sinceMs: WallMs.describe('wall clock of the first disputed record: what the node recorded from then on is doubtful'),
  disputed: z.int().min(1).describe('results two auditors disputed, since then'),
  valid: z.int().min(0).describe('results they confirmed, since then'),
  last: z.object({ e: Epoch, s: z.int().min(1) }).describe('the record disputed last'),
});
export type Doubt = z.infer<typeof Doubt>;

/** What a node does for others, can do for them, and thinks of them. */
export const Claims = z.object({
  v: V,
  site: z.string().min(1).max(64).describe('`site.name`: pictures stay in it'),
  state: z.enum(['active', 'overloaded', 'leaving']).describe('leaving: it gives its sources away and takes no work'),
  beatMs: z.int().min(100).max(600_000).describe('its heartbeat interval: three that are missing end its claims'),
  shares: z
    .object({ sources: z.boolean(), offers: z.boolean(), audits: z.boolean() })
    .describe('what it takes part in'),
  model: z
    .object({ id: z.string().max(64), sha256: Sha256 })
    .nullable()
    .describe('null until it is loaded'),
  capacityFps: Fps.describe('pictures per second its detectors can look at'),
  spareFps: Fps.describe('of these not needed now'),
  sources: z
    .array(z.object({ source: Id, as: z.enum(['owner', 'standby']), fps: Fps.optional() }))
    .max(SOURCES_MAX)
    .describe('owner: it looks at the frames; standby: it will when the owner is gone'),
  heard: z.array(Id).max(SOURCES_MAX).describe('sources it heard of, for those who listen to none'),
  doubts: z.array(Doubt).max(64),
  audits: z
    .record(z.string().max(32), z.number().min(0))
    .optional()
    .describe('counters and cost of audits, since start'),
});
export type Claims = z.infer<typeof Claims>;

const SharedBoxes = z.array(SharedBox).max(SHARED_BOXES_MAX);

const Jpeg = z
  .instanceof(Uint8Array)
  .refine((bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff, 'allowed: a JPEG')
  .describe('the bytes behind the line feed, no field of the JSON');

/** A picture for which the sender has no time. */
export const Offer = z.object({
  v: V,
  id: RequestId,
  model: Sha256.describe('boxes are wanted from this model only'),
  deadlineMs: z.int().min(1).max(60_000).describe('from receipt: a later answer is of no use'),
  scoreMin: Score,
  widthPx: SidePx,
  heightPx: SidePx,
  picture: Jpeg,
});
export type Offer = z.infer<typeof Offer>;

const Refusal = z.string().max(64).describe('why not ok: busy, late, model, picture, closed');

/** Answer to an offer. */
export const Boxes = z.object({
  v: V,
  id: RequestId,
  ok: z.boolean(),
  code: Refusal.optional(),
  tookMs: z.number().min(0).optional().describe('time of the detector'),
  boxes: SharedBoxes.optional(),
});
export type Boxes = z.infer<typeof Boxes>;

const RecordId = z.object({ n: Id, e: Epoch, s: z.int().min(1) });

/** A result to be checked, with the picture it was made from. */
export const Audit = z.object({
  v: V,
  id: RequestId,
  of: RecordId.describe('the record that was selected'),
  model: Sha256,
  scoreMin: Score,
  camera: Id,
  live: z.boolean().describe('a sensor is behind it: no two pictures are the same'),
  capturedAtMs: WallMs,
  digest: Sha256.describe('of the picture'),
  boxes: SharedBoxes.describe("the worker's own, on this very picture"),
  other: Id.describe('the second auditor: each hears what the other found'),
  picture: Jpeg,
});
export type Audit = z.infer<typeof Audit>;

/** What an auditor found, to the worker and to the other auditor. */
export const Verdict = z.object({
  v: V,
  id: RequestId,
  of: RecordId,
  ok: z.boolean(),
  code: Refusal.optional(),
  digest: Sha256.optional().describe('of the picture it looked at'),
  stuck: z.boolean().optional().describe('it has seen this very picture of a live camera before'),
  boxes: SharedBoxes.optional(),
});
export type Verdict = z.infer<typeof Verdict>;
