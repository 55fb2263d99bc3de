import { z } from 'zod';

/** Section `monitor.metrics`: a page for Prometheus. */
export const MetricsConfig = z.strictObject({
  host: z
    .string()
    .min(1)
    .max(253)
    .default('127.0.0.1')
    .describe('address it is served on; it asks for no password, so open it no further than you would show it'),
  port: z.int().min(0).max(65_535).default(9464),
});
export type MetricsConfig = z.infer<typeof MetricsConfig>;
