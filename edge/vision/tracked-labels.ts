/**
 * What a camera at a house is for. With all 80 COCO labels, painted lines become airplanes and kites: a label nobody
 * waits for only costs false alarms. A model that knows none of these is taken with all its labels.
 */
export const DEFAULT_LABELS = [
  'person',
  'bicycle',
  'car',
  'motorcycle',
  'bus',
  'truck',
  'cat',
  'dog',
  'horse',
  'face',
] as const;

/** The labels a camera tracks with a given model, in the model's order. */
export function labelsTracked(
  objects: { readonly labels: readonly string[] },
  modelLabels: readonly string[],
): readonly string[] {
  const wanted = new Set(objects.labels);
  const known = modelLabels.filter((label) => wanted.has(label));
  const isDefault =
    objects.labels.length === DEFAULT_LABELS.length && DEFAULT_LABELS.every((label) => wanted.has(label));
  return known.length === 0 && isDefault ? modelLabels : known;
}
