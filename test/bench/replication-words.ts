import { z } from 'zod';

/** A log and how far it is wanted: node, epoch, seq. */
const Reach = z.tuple([z.string(), z.string(), z.number()]);
export type Reach = z.infer<typeof Reach>;

/** What the bench tells a node to do, one at a time; each is answered by one `Said`. */
export const Order = z.discriminatedUnion('do', [
  z.object({ do: z.literal('open') }),
  z.object({ do: z.literal('append'), perS: z.number(), seconds: z.number() }),
  z.object({ do: z.literal('fill'), records: z.number() }),
  z.object({ do: z.literal('watch'), logs: z.array(z.tuple([z.string(), z.string()])) }),
  z.object({ do: z.literal('extents'), logs: z.array(z.tuple([z.string(), z.string()])) }),
  z.object({ do: z.literal('report') }),
  z.object({ do: z.literal('close') }),
]);
export type Order = z.infer<typeof Order>;

/**
 * What a node says. Times are ms of the machine's monotonic clock, which its processes share. `held` and `durable`: from
 * then on everything of the log up to the seq was there.
 */
export const Said = z.object({
  epoch: z.string().default(''),
  seq: z.number().default(0),
  /** The appended ones: seq and when it was handed over. */
  appended: z.array(z.tuple([z.number(), z.number()])).default([]),
  held: z.array(z.tuple([z.string(), z.number(), z.number()])).default([]),
  durable: z.array(z.tuple([z.string(), z.number(), z.number()])).default([]),
  extents: z.array(z.object({ held: z.number(), durable: z.number() })).default([]),
  rssMiB: z.number().default(0),
  rssMaxMiB: z.number().default(0),
  counters: z.record(z.string(), z.number()).default({}),
});
export type Said = z.infer<typeof Said>;

/** ms of the machine's monotonic clock. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
