import { FAMILY_RULES } from './family-rules.js';
import { knownModelBySum } from './known-models.js';
import { COCO_CATEGORY_IDS, COCO_LABELS } from './labels.js';
import { FAMILIES_WITHOUT_NMS_IN_GRAPH, type ModelManifest, modelManifestSchema } from './manifest.js';
import type { OnnxDescription } from './onnx-file.js';
import { pictureInputOf } from './picture-input.js';

/** What a file without a manifest probably is. */
export type ModelGuess = {
  /** Undefined: nothing fits. */
  readonly manifest: ModelManifest | undefined;
  /** 0..1; 1 only for a file whose sum is known. */
  readonly confidence: number;
  /** What speaks for it and what had to be assumed, one sentence each. */
  readonly reasons: readonly string[];
};

/** From here on a guess is used without asking: the file itself says what it is. */
export const CONFIDENCE_SURE = 0.9;

/**
 * What a file probably is: by its sum if it is a known one, else by the shapes of its inputs and outputs.
 * Shapes tell the family, seldom the colour order, the scaling or the names of the classes.
 * @param fileName for the manifest's id.
 */
export function guessManifest(model: OnnxDescription, sha256: string, fileName: string): ModelGuess {
  const known = knownModelBySum(sha256);
  if (known !== undefined) {
    const reasons = [`its sha256 is that of ${known.manifest.id} of ${known.manifest.source.origin}`];
    return { manifest: known.manifest, confidence: 1, reasons };
  }
  const picture = pictureInputOf(model);
  if (picture === undefined) return nothing('no input has the shape of a picture');
  const draft = FAMILY_RULES.map((rule) => rule(model, picture)).find((found) => found !== undefined);
  if (draft === undefined) return nothing('its outputs fit no family that is known here');
  const classes = classesOf(model, draft.classes, draft.fixedLabels);
  const reasons = [...draft.reasons, classes.reason, ...(picture.sizeAssumed ? [picture.sizeAssumed] : [])];
  const needsNms = FAMILIES_WITHOUT_NMS_IN_GRAPH.includes(draft.manifest.family);
  const manifest = modelManifestSchema.parse({
    v: 1,
    id: idOf(fileName),
    decoded: true,
    activated: true,
    ...draft.manifest,
    ...classes.manifest,
    thresholds: { score: 0.4, ...(needsNms ? { nmsIou: 0.45 } : {}), ...draft.thresholds },
    sha256,
    licence: model.metadata.get('license') ?? 'unknown: find it out before you use the model',
    source: { origin: 'unknown: this manifest was guessed from the file' },
  });
  const factor = classes.confidence * (picture.sizeAssumed ? 0.7 : 1);
  return { manifest, confidence: Math.round(draft.confidence * factor * 100) / 100, reasons };
}

function nothing(reason: string): ModelGuess {
  return { manifest: undefined, confidence: 0, reasons: [reason] };
}

type Classes = {
  readonly manifest: { readonly labels: readonly string[]; readonly classIds?: readonly number[] };
  readonly confidence: number;
  readonly reason: string;
};

function classesOf(model: OnnxDescription, count: number | undefined, fixed: readonly string[] | undefined): Classes {
  if (fixed !== undefined)
    return { manifest: { labels: fixed }, confidence: 1, reason: `it finds ${fixed.join(', ')}` };
  const named = classNamesOf(model.metadata.get('names'));
  if (named.length > 0 && (count === undefined || named.length === count)) {
    return { manifest: { labels: named }, confidence: 1, reason: `the file names its ${named.length} classes` };
  }
  if (count === undefined) {
    const reason = 'how many classes it has cannot be seen; COCO was assumed';
    return { manifest: { labels: COCO_LABELS }, confidence: 0.7, reason };
  }
  if (count === 80) {
    return { manifest: { labels: COCO_LABELS }, confidence: 0.95, reason: '80 classes: COCO was assumed' };
  }
  if (count === 91) {
    const manifest = { labels: COCO_LABELS, classIds: COCO_CATEGORY_IDS };
    return { manifest, confidence: 0.95, reason: "91 classes: COCO's own numbers were assumed" };
  }
  const labels = Array.from({ length: count }, (_, i) => `class-${i}`);
  return { manifest: { labels }, confidence: 0.5, reason: `the names of its ${count} classes are not known` };
}

/** Class names as Ultralytics notes them, a Python dict: `{0: 'person', 1: "driver's seat"}`. */
export function classNamesOf(noted: string | undefined): string[] {
  const names: string[] = [];
  for (const match of (noted ?? '').matchAll(/(\d+): (?:'([^']*)'|"([^"]*)")/g)) {
    const name = match[2] ?? match[3] ?? '';
    if (Number(match[1]) !== names.length || name === '' || name.length > 64) return [];
    names.push(name);
  }
  return names;
}

function idOf(fileName: string): string {
  const id = fileName
    .toLowerCase()
    .replace(/\.onnx$/, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 64);
  return id === '' ? 'model' : id;
}
