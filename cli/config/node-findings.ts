import { resolve } from 'node:path';
import type { DeepReadonly } from '../../base/config.js';
import type { ConfigPath } from '../../base/config-document.js';
import { nearest } from '../../base/config-problem.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { CameraConfig } from '../../edge/camera-config.js';
import type { EdgeConfig } from '../../edge/config.js';
import { BUILT_IN_MODEL } from '../../edge/main.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import { DEFAULT_LABELS, labelsTracked } from '../../edge/vision/tracked-labels.js';
import { type Finding, missing, type Surroundings } from './file-findings.js';
import { ruleFindings, ruleWarnings } from './rule-findings.js';

/** Longest list of labels in one line: eighty names of COCO would hide the one that is wrong. */
const LABELS_SHOWN = 12;

/** What is wrong with the model, the sources and the rules of a node, and with labels that its model does not know. */
export async function nodeFindings(edge: DeepReadonly<EdgeConfig>, where: Surroundings): Promise<Finding[]> {
  const found = Object.entries(edge.cameras).flatMap(([camera, { source }]) =>
    source.driver === 'file' ? (missing(['edge', 'cameras', camera, 'source'], source.path, where) ?? []) : [],
  );
  found.push(...ruleFindings(edge));
  const model = await readLabels(edge.model.path, where);
  if (!('labels' in model)) return [...found, model.finding];
  const cameras = Object.entries(edge.cameras);
  return [
    ...found,
    ...cameras.flatMap(([camera, config]) => labelFindings(camera, config, model.labels)),
    ...ruleWarnings(edge, model.labels),
  ];
}

async function readLabels(
  path: string | undefined,
  where: Surroundings,
): Promise<{ readonly labels: readonly string[] } | { readonly finding: Finding }> {
  const at = ['edge', 'model', 'path'];
  const absent = path === undefined ? undefined : missing(at, path, where);
  if (absent !== undefined) return { finding: absent };
  try {
    const file = path === undefined ? BUILT_IN_MODEL : resolve(where.startFolder, path);
    return { labels: (await resolveModel(file)).manifest.labels };
  } catch (error) {
    const hint = error instanceof OperationError && error.hint !== undefined ? `; ${error.hint}` : '';
    return { finding: { severity: 'fault', path: at, message: `${messageOf(error)}${hint}` } };
  }
}

// Warnings: the node runs, and does not see what it was asked to look for.
function labelFindings(camera: string, config: DeepReadonly<CameraConfig>, known: readonly string[]): Finding[] {
  const { objects, zones } = config;
  const base = ['edge', 'cameras', camera];
  const tracked = labelsTracked(objects, known);
  const unknown = (path: ConfigPath, label: string): Finding[] =>
    known.includes(label) ? [] : [{ severity: 'warning', path, message: unknownLabel(label, known) }];
  const untracked = (path: ConfigPath, label: string): Finding[] => {
    if (!known.includes(label) || tracked.includes(label)) return unknown(path, label);
    const message = `${JSON.stringify(label)} is not tracked by this camera; add it to objects.labels`;
    return [{ severity: 'warning', path, message }];
  };
  return [
    // Without a list of its own a camera takes of the usual labels those its model knows.
    ...(isUsual(objects.labels)
      ? []
      : objects.labels.flatMap((label, i) => unknown([...base, 'objects', 'labels', i], label))),
    ...Object.keys(objects.perLabel).flatMap((label) => untracked([...base, 'objects', 'perLabel', label], label)),
    ...Object.entries(zones).flatMap(([zone, { labels = [] }]) =>
      labels.flatMap((label, i) => untracked([...base, 'zones', zone, 'labels', i], label)),
    ),
  ];
}

function unknownLabel(label: string, known: readonly string[]): string {
  const near = nearest(label, known);
  const meant = near === undefined ? '' : `; did you mean ${near}?`;
  const more = known.length > LABELS_SHOWN ? `, and ${known.length - LABELS_SHOWN} more` : '';
  return `the model has no label ${JSON.stringify(label)}${meant}; it has ${known.slice(0, LABELS_SHOWN).join(', ')}${more}`;
}

function isUsual(labels: readonly string[]): boolean {
  return labels.length === DEFAULT_LABELS.length && DEFAULT_LABELS.every((label, i) => labels[i] === label);
}
