import { z } from 'zod';
import type { DeepReadonly } from '../../base/config.js';
import { atMostKeys } from '../../base/config-keys.js';
import { Id } from '../../protocol/ids.js';
import { SOURCES_MAX } from '../../protocol/sharing.js';
import { VisionSettings } from '../vision/config.js';
import { OFFER_LIMITS, OFFERS_MAX } from './offers/offer-limits.js';

/** What a node does for others and lets others do for it. As it comes: nothing, and no picture leaves the board. */
export const SharingConfig = z.strictObject({
  sources: z
    .boolean()
    .default(false)
    .describe(
      'watch cameras without a detector, which publish their frames themselves, shared with the other nodes that do',
    ),
  sourcesMax: z
    .int()
    .min(1)
    .max(SOURCES_MAX)
    .default(16)
    .describe('sources watched at a time; more are left to others, or to nobody, and counted'),
  sourceSettings: VisionSettings.prefault({}).describe('what is done with the frames of a source, as for a camera'),
  bySource: z
    .record(Id, VisionSettings)
    .refine(...atMostKeys(SOURCES_MAX, 'sources'))
    .default({})
    .describe('the same for some of them, instead of `sourceSettings`; must be equal on all nodes that share'),
  offers: z
    .boolean()
    .default(false)
    .describe('when there is more to see than this node can: send parts of pictures to idle nodes; take theirs'),
  offersMax: z
    .int()
    .min(1)
    .max(OFFERS_MAX)
    .default(OFFER_LIMITS.offersMax)
    .describe(
      'pictures at others at a time, and of others here, at most: what is given and taken is decided by what each answers',
    ),
  audits: z
    .boolean()
    .default(false)
    .describe('have some results checked by two other nodes, with the picture; check theirs'),
  otherSites: z.boolean().default(false).describe('also send pictures to nodes whose `site.name` is another one'),
});
export type SharingConfig = z.infer<typeof SharingConfig>;

/** What is done with the frames of a source. Its name is the device's: it may be one that every object has. */
export function settingsOf(
  { bySource, sourceSettings }: Pick<DeepReadonly<SharingConfig>, 'bySource' | 'sourceSettings'>,
  source: string,
): DeepReadonly<VisionSettings> {
  return (Object.hasOwn(bySource, source) ? bySource[source] : undefined) ?? sourceSettings;
}
