import type { ModelManifest } from '../../model/manifest.js';

/** Index into the manifest's labels of a model's class number, or -1. */
export type LabelOf = (classNumber: number) => number;

/** How the class numbers a graph gives become labels: by base, or by the manifest's table where they have gaps. */
export function labelIndex(manifest: ModelManifest): LabelOf {
  const { labels, classIds, classIdBase } = manifest;
  if (classIds === undefined) {
    return (classNumber) => {
      const index = classNumber - classIdBase;
      return Number.isInteger(index) && index >= 0 && index < labels.length ? index : -1;
    };
  }
  const indexOf = new Map(classIds.map((classNumber, index) => [classNumber, index]));
  return (classNumber) => indexOf.get(classNumber) ?? -1;
}

/** How many class columns a head must have for this manifest. */
export function classColumns(manifest: ModelManifest): number {
  const { labels, classIds, classIdBase } = manifest;
  return classIds === undefined ? labels.length + classIdBase : Math.max(...classIds) + 1;
}

/**
 * Index of the largest of `count` numbers that lie `step` apart from `start`.
 * A NaN in the first place wins, so that a broken output is seen and counted, not passed over.
 */
export function indexOfMax(data: Float32Array, start: number, count: number, step: number): number {
  let best = 0;
  let bestValue = data[start] ?? 0;
  for (let i = 1, at = start + step; i < count; i++, at += step) {
    const value = data[at] ?? 0;
    if (value > bestValue) {
      bestValue = value;
      best = i;
    }
  }
  return best;
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** The logit of a score, to compare without taking the sigmoid of everything. */
export function logit(score: number): number {
  return Math.log(score / (1 - score));
}
