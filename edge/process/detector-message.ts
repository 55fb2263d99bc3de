import type { InputPicture } from '../vision/detect/model-run.js';
import type { PictureData } from '../vision/detect/picture-tensor.js';
import type { Detection } from '../vision/detection.js';
import type { ModelManifest } from '../vision/model/manifest.js';

// What the vision process and the threads of its detectors say to each other. Both are our own code in one process: the
// types are enough.

/** How a detector's thread begins. */
export type DetectorStart = { readonly modelPath: string; readonly threads: number };

/** One look. The memory of the picture goes with the call, and comes back with the reply. */
export type DetectorCall = InputPicture & { readonly scoreMin: number };

/**
 * @property tookMs how long the thread looked.
 * @property drops candidates the model gave and that were not taken, since its start, by cause.
 */
export type DetectorReply =
  | { readonly type: 'ready'; readonly manifest: ModelManifest }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly hint?: string }
  | (LookReply & {
      readonly type: 'detections';
      readonly detections: readonly Detection[];
      readonly drops: Readonly<Record<string, number>>;
    })
  | (LookReply & { readonly type: 'fault'; readonly message: string });

type LookReply = { readonly data: PictureData; readonly tookMs: number };
