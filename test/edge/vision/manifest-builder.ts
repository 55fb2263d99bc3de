import { createHash } from 'node:crypto';
import {
  type ModelManifest,
  type ModelManifestInput,
  modelManifestSchema,
} from '../../../edge/vision/model/manifest.js';

type Given = Partial<Omit<ModelManifestInput, 'input' | 'thresholds'>> & {
  readonly family: ModelManifestInput['family'];
  readonly input?: Partial<ModelManifestInput['input']>;
  readonly thresholds?: Partial<ModelManifestInput['thresholds']>;
};

/** A manifest as written in a file, for a 64x64 input and two classes unless told otherwise. */
export function manifestInput({ input, thresholds, ...given }: Given): ModelManifestInput {
  return {
    v: 1,
    id: 'test-model',
    decoded: true,
    activated: true,
    labels: ['person', 'car'],
    sha256: '0'.repeat(64),
    licence: 'none',
    source: { origin: 'a test' },
    ...given,
    input: {
      layout: 'nchw',
      dtype: 'float32',
      colour: 'rgb',
      widthPx: 64,
      heightPx: 64,
      resize: 'stretch',
      ...input,
    },
    thresholds: { score: 0.5, nmsIou: 0.5, ...thresholds },
  };
}

export function testManifest(given: Given): ModelManifest {
  return modelManifestSchema.parse(manifestInput(given));
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
