import type { BoxXyxyPx } from '../vision/box.js';
import type { Detection } from '../vision/detection.js';
import type { ModelManifest } from '../vision/model/manifest.js';

// What the vision process and the threads of its detectors say to each other. Both are our own code in one process: the
// types are enough.

/** How a detector's thread begins. */
export type DetectorStart = { readonly modelPath: string; readonly threads: number };

/** One look: the pixels lie in shared memory, which the thread may read until it has answered. */
export type DetectorCall = {
  /** u8 [heightPx, widthPx, 3], RGB; the buffer may be longer. */
  readonly pixels: SharedArrayBuffer;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly region?: BoxXyxyPx;
  readonly scoreMin?: number;
};

/** @property drops candidates the model gave and that were not taken, since its start, by cause. */
export type DetectorReply =
  | { readonly type: 'ready'; readonly manifest: ModelManifest }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly hint?: string }
  | {
      readonly type: 'detections';
      readonly detections: readonly Detection[];
      readonly drops: Readonly<Record<string, number>>;
    }
  | { readonly type: 'fault'; readonly message: string };
