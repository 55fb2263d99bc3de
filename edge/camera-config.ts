import { z } from 'zod';
import { SourceConfig } from './capture/config.js';
import { VisionSettings } from './vision/config.js';

/**
 * One camera of a node: where its frames come from, and what is done with them. Beside the rest of the configuration,
 * because the vision process needs no more of it, and 9 MiB are not there in it then.
 */
export const CameraConfig = z.strictObject({
  source: SourceConfig,
  ...VisionSettings.shape,
});
export type CameraConfig = z.infer<typeof CameraConfig>;
