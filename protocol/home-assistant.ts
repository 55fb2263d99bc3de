import { z } from 'zod';

/** What Home Assistant says of itself: its birth and its will, bare words. */
export const HassPresence = z.enum(['online', 'offline']);

/** One topic that says whether an entity is there; what the template makes of a payload is `online` or `offline`. */
export const HassAvailability = z.strictObject({ topic: z.string().max(256), value_template: z.string().max(300) });
export type HassAvailability = z.infer<typeof HassAvailability>;

/**
 * One entity, in the option names of Home Assistant's platform; with `platform` alone it removes the entity. Options are
 * Home Assistant's to check: it ignores those it does not know.
 */
export const HassComponent = z.looseObject({ platform: z.string().max(32) });
export type HassComponent = z.infer<typeof HassComponent>;

/**
 * Device-based MQTT discovery of one node: a contract of Home Assistant, not ours. It refuses keys that it does not know,
 * so this carries no `v`.
 */
export const HassDevice = z.strictObject({
  device: z.strictObject({
    identifiers: z.array(z.string().max(64)).min(1),
    name: z.string().max(200),
    manufacturer: z.string().max(64),
    model: z.string().max(64),
    sw_version: z.string().max(64),
  }),
  origin: z.strictObject({ name: z.string().max(64), sw_version: z.string().max(64) }),
  components: z.record(z.string().max(128), HassComponent).describe('by a key that is unique in the device'),
});
export type HassDevice = z.infer<typeof HassDevice>;
