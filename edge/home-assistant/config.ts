import { z } from 'zod';
import { Id } from '../../protocol/ids.js';

/** What a node tells Home Assistant of itself. Without this section: nothing. */
export const HomeAssistantConfig = z.strictObject({
  user: Id.default('home-assistant').describe("Home Assistant's user name at the broker, as its commands carry it"),
  monitor: Id.optional().describe(
    'the monitor that holds and restarts this node; absent: no maintenance switch, no restart button',
  ),
  maintenanceS: z
    .int()
    .min(60)
    .max(604_800)
    .default(3600)
    .describe('seconds a hold from Home Assistant lasts if nobody ends it'),
});
export type HomeAssistantConfig = z.infer<typeof HomeAssistantConfig>;
