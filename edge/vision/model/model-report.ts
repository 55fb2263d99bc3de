import { basename } from 'node:path';
import type { ModelManifest } from './manifest.js';
import { guessManifest } from './model-guess.js';
import type { OnnxDescription } from './onnx-file.js';
import { refusalOf } from './onnx-rules.js';
import { readManifest, readModelFile } from './resolve-model.js';

/** What `vedette model check` tells of a file. */
export type ModelReport = {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly description: OnnxDescription;
  /** Why it may not be run here; undefined: it may. */
  readonly refusal: string | undefined;
  /** The manifest that lies beside it. */
  readonly manifest: ModelManifest | undefined;
  /** True if the manifest's sum is the file's; undefined without a manifest. */
  readonly sumMatches: boolean | undefined;
  /** What it would be taken for without a manifest. */
  readonly guess: {
    readonly manifest: ModelManifest | undefined;
    /** 0..1. */
    readonly confidence: number;
    /** True for a file whose sum is known. */
    readonly known: boolean;
    readonly reasons: readonly string[];
  };
};

/**
 * Describes a model file without running it.
 * @throws OperationError `model-missing`; `model-invalid` for what is no ONNX model; `manifest-invalid`.
 */
export async function checkModel(path: string): Promise<ModelReport> {
  const { bytes, sha256, description } = await readModelFile(path);
  const manifest = await readManifest(path);
  const guess = guessManifest(description, sha256, basename(path));
  const family = (manifest ?? guess.manifest)?.family;
  return {
    path,
    bytes: bytes.length,
    sha256,
    description,
    refusal: refusalOf(description, family === 'ssd'),
    manifest,
    sumMatches: manifest === undefined ? undefined : manifest.sha256 === sha256,
    guess: { ...guess, known: guess.confidence === 1 },
  };
}
