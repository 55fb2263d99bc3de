import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { messageOf, OperationError, systemCodeOf } from '../../../base/errors.js';
import { describeIssues, parseJson } from '../../../protocol/codec.js';
import { type ModelManifest, manifestPathOf, modelManifestSchema } from './manifest.js';
import { CONFIDENCE_SURE, guessManifest } from './model-guess.js';
import { describeOnnx, type OnnxDescription } from './onnx-file.js';
import { refusalOf } from './onnx-rules.js';

/** The largest detector anyone runs on a board is 250 MB; the format itself ends at 2 GB. */
export const MODEL_BYTES_MAX = 512 * 1024 * 1024;
const MANIFEST_BYTES_MAX = 1024 * 1024;

/** A model file, read once: what was hashed and checked is what will run. */
export type ModelFile = {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  readonly description: OnnxDescription;
};

export type ResolvedModel = ModelFile & { readonly manifest: ModelManifest };

/**
 * Reads a model and its manifest: `NAME.manifest.json` beside it, or the known one of a known file, or a guess where
 * nothing has to be assumed. The file is checked against the manifest's sum and against the rules of `onnx-rules.ts`.
 * @throws OperationError `model-missing`, `model-invalid`, `manifest-invalid`.
 */
export async function resolveModel(path: string): Promise<ResolvedModel> {
  const file = await readModelFile(path);
  const manifest = (await readManifest(path)) ?? sureManifest(file);
  if (manifest.sha256 !== file.sha256) {
    throw modelInvalid(path, `its sha256 is ${file.sha256}, its manifest says ${manifest.sha256}`, {
      hint: 'the file is damaged or another one: pull it again, or make a new manifest with `vedette model check`',
    });
  }
  const refusal = refusalOf(file.description, manifest.family === 'ssd');
  if (refusal !== undefined) {
    throw modelInvalid(path, refusal, { hint: `\`vedette model check ${path}\` tells what the file is` });
  }
  return { ...file, manifest };
}

/**
 * Reads and describes a model file without its manifest.
 * @throws OperationError `model-missing`, `model-invalid`.
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const bytes = await readBytes(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  try {
    return { path, bytes, sha256, description: describeOnnx(bytes) };
  } catch (cause) {
    const hint =
      'it may be cut short: copy it again, or `vedette model pull NAME`; `vedette model list` shows the names';
    throw modelInvalid(path, `not an ONNX model: ${textKindOf(bytes) ?? messageOf(cause)}`, { hint, cause });
  }
}

// What people most often save instead of a model.
function textKindOf(bytes: Uint8Array): string | undefined {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 100));
  if (start.startsWith('version https://git-lfs')) return 'it is a Git LFS pointer, the file itself lies elsewhere';
  if (/^\s*<(!doctype|html)/i.test(start)) return 'it is a web page';
  return /^[\t\n\r\x20-\x7e]+$/.test(start) ? 'it is text' : undefined;
}

/**
 * The manifest beside a model file, or undefined where there is none.
 * @throws OperationError `manifest-invalid`, naming all that is wrong.
 */
export async function readManifest(modelPath: string): Promise<ModelManifest | undefined> {
  const path = manifestPathOf(modelPath);
  const fail = (message: string, cause?: unknown) =>
    new OperationError({ code: 'manifest-invalid', op: 'read manifest', subject: path, message, cause });
  let value: unknown;
  try {
    const { size } = await stat(path);
    if (size > MANIFEST_BYTES_MAX) throw fail(`${size} bytes, allowed ${MANIFEST_BYTES_MAX}`);
    value = parseJson(await readFile(path, 'utf8'));
  } catch (cause) {
    if (systemCodeOf(cause) === 'ENOENT') return undefined;
    throw cause instanceof OperationError ? cause : fail(messageOf(cause), cause);
  }
  const result = modelManifestSchema.safeParse(value);
  if (result.success) return result.data;
  throw fail(describeIssues(result.error), result.error);
}

function sureManifest({ path, sha256, description }: ModelFile): ModelManifest {
  const { manifest, confidence, reasons } = guessManifest(description, sha256, basename(path));
  if (manifest !== undefined && confidence >= CONFIDENCE_SURE) return manifest;
  const guess = manifest === undefined ? 'what it is could not be told' : `it may be ${manifest.family}`;
  throw new OperationError({
    code: 'manifest-invalid',
    op: 'load model',
    subject: path,
    message: `there is no ${manifestPathOf(path)}, and ${guess} (${reasons.join('; ')})`,
    hint: `\`vedette model check ${path}\` writes a manifest to look over`,
  });
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const status = await stat(path);
    if (!status.isFile()) throw modelInvalid(path, 'not a file');
    if (status.size > MODEL_BYTES_MAX) throw modelInvalid(path, `${status.size} bytes, allowed ${MODEL_BYTES_MAX}`);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof OperationError) throw cause;
    throw new OperationError({
      code: 'model-missing',
      op: 'load model',
      subject: path,
      message: systemCodeOf(cause) === 'ENOENT' ? 'no such file' : messageOf(cause),
      hint: '`vedette model list` shows the models that `vedette model pull NAME` downloads',
      cause,
    });
  }
}

/** A model that cannot be used, with the reason. */
export function modelInvalid(
  path: string,
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): OperationError {
  return new OperationError({ code: 'model-invalid', op: 'load model', subject: path, message, ...options });
}
