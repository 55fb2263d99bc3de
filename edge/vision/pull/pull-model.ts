import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileAtomic } from '../../../base/atomic-file.js';
import type { Clock } from '../../../base/clock.js';
import { OperationError } from '../../../base/errors.js';
import type { Random } from '../../../base/random.js';
import { makeOutputFolder } from '../../../base/state-folder.js';
import { KNOWN_MODELS, type KnownModel, knownModelByName, knownModelBySum } from '../model/known-models.js';
import { type ModelManifest, manifestPathOf } from '../model/manifest.js';
import { CONFIDENCE_SURE, guessManifest } from '../model/model-guess.js';
import { readManifest, readModelFile } from '../model/resolve-model.js';
import { type DownloadProgress, downloadFile } from './download.js';
import { PULL_LIMITS, type PullLimits } from './limits.js';

/** What to get: a known model, maybe from another address, or any file whose sum is given. */
export type PullRequest =
  | { readonly name: string; readonly url?: string }
  | { readonly url: string; readonly sha256: string };

export type PullModelOptions = {
  /** Folder of models; made if there is none. */
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly limits?: PullLimits;
  readonly onProgress?: (progress: DownloadProgress) => void;
};

export type PulledModel = {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** True if the file was there already. */
  readonly alreadyThere: boolean;
  /** Undefined if nothing could be guessed; the model cannot be used until somebody writes one. */
  readonly manifest: ModelManifest | undefined;
  /** What the person should know: a guessed manifest, and how sure it is. */
  readonly warnings: readonly string[];
};

/**
 * Downloads a model into a folder and puts its manifest beside it. The manifest comes last: what has both is complete.
 * @throws OperationError as `downloadFile`, and `not-found` for an unknown name, `usage` for an address without a
 * usable file name, `model-invalid` if what came is no ONNX model.
 */
export async function pullModel(request: PullRequest, options: PullModelOptions): Promise<PulledModel> {
  const known = 'name' in request ? requireKnown(request.name) : knownModelBySum(request.sha256);
  const url = request.url ?? known?.url ?? '';
  const sha256 = 'sha256' in request ? request.sha256 : (known?.manifest.sha256 ?? '');
  const path = join(options.dir, known?.fileName ?? fileNameOf(url));
  await makeOutputFolder(options.dir);
  const { bytes, alreadyThere } = await downloadFile({
    url,
    sha256,
    targetPath: path,
    limits: options.limits ?? PULL_LIMITS,
    clock: options.clock,
    random: options.random,
    signal: options.signal,
    ...(known === undefined ? {} : { bytes: known.bytes }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  const { manifest, warnings } = await settleManifest(path, sha256, known);
  return { path, bytes, sha256, alreadyThere, manifest, warnings };
}

type Settled = Pick<PulledModel, 'manifest' | 'warnings'>;

async function settleManifest(path: string, sha256: string, known: KnownModel | undefined): Promise<Settled> {
  // A manifest that fits the file may have been edited by its owner; it stays.
  const present = await readManifest(path).catch(() => undefined);
  if (present?.sha256 === sha256) return { manifest: present, warnings: [] };
  const settled = known === undefined ? await guess(path, sha256) : { manifest: known.manifest, warnings: [] };
  if (settled.manifest !== undefined) {
    await writeFileAtomic(manifestPathOf(path), `${JSON.stringify(settled.manifest, null, 2)}\n`, 0o644);
  }
  return settled;
}

async function guess(path: string, sha256: string): Promise<Settled> {
  const file = await readModelFile(path).catch(async (error: unknown) => {
    await rm(path, { force: true });
    throw error;
  });
  const { manifest, confidence, reasons } = guessManifest(file.description, sha256, basename(path));
  const because = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
  if (manifest === undefined) return { manifest, warnings: [`what kind of model it is could not be told${because}`] };
  if (confidence >= CONFIDENCE_SURE) return { manifest, warnings: [] };
  const percent = Math.round(confidence * 100);
  return { manifest, warnings: [`the manifest is a guess, ${percent} % sure${because}: look it over`] };
}

/** The known model of this name, or the only one whose name begins with it: `yolox-nano` for `yolox-nano-416`. */
export function findKnownModel(name: string): KnownModel | undefined {
  const beginning = KNOWN_MODELS.filter(({ manifest }) => manifest.id.startsWith(`${name}-`));
  return knownModelByName(name) ?? (beginning.length === 1 ? beginning[0] : undefined);
}

function requireKnown(name: string): KnownModel {
  const known = findKnownModel(name);
  if (known !== undefined) return known;
  throw new OperationError({
    code: 'not-found',
    op: 'pull',
    subject: `model ${JSON.stringify(name)}`,
    message: 'no model of this name is known',
    hint: `known are ${KNOWN_MODELS.map(({ manifest }) => manifest.id).join(', ')}; any other by --url and --sha256`,
  });
}

function fileNameOf(url: string): string {
  const last = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
  const name = last.toLowerCase().endsWith('.onnx') ? last : `${last}.onnx`;
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.onnx$/i.test(name)) return name;
  throw new OperationError({
    code: 'usage',
    op: 'pull',
    subject: url,
    message: `${JSON.stringify(last)} is no name for a file`,
    hint: 'the address must end with a name of letters, digits, dot, dash and underscore',
  });
}
