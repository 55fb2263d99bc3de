import { z } from 'zod';
import { serviceSchema } from '../base/config.js';
import { atMostKeys } from '../base/config-keys.js';
import { Id } from '../protocol/ids.js';
import { deriveTimings, type RosterTimings } from './timings.js';

/** Nodes of one inventory: what fits into one roster message of 64 KiB with ids of 32 letters. */
const NODES_MAX = 1_000;

const TimingConfig = z.strictObject({
  beatMs: z
    .int()
    .min(200)
    .max(60_000)
    .default(10_000)
    .describe('how often the nodes send heartbeats, as in their edge.timing.beatMs'),
  leaseMs: z
    .int()
    .min(500)
    .max(600_000)
    .optional()
    .describe('silence that makes a node suspect; 3.5 heartbeats unless given'),
  settleMs: z
    .int()
    .min(500)
    .max(600_000)
    .default(45_000)
    .describe('how long nothing is decided after the monitor could not see; at least the lease'),
  graceMs: z
    .int()
    .min(500)
    .max(600_000)
    .default(45_000)
    .describe("how long a node stays suspect before it is confirmed; longer than the node's own supervisor needs"),
  reconcileMs: z.int().min(2_000).max(3_600_000).default(60_000).describe('how often retained statuses are read again'),
});

/** The `monitor` section: one monitor and its inventory. */
export const MonitorConfig = z.strictObject({
  name: Id.default('monitor').describe('name of the monitor, its MQTT identity and client id'),
  passwordFile: z.string().min(1).max(4096).optional().describe('file with the MQTT password, mode 0600'),
  certFile: z.string().min(1).max(4096).optional().describe('TLS client certificate, PEM'),
  keyFile: z.string().min(1).max(4096).optional().describe('its key, PEM, mode 0600'),
  nodes: z
    .record(
      Id,
      z.strictObject({
        site: Id.optional().describe('what it shares with others that can fail as one: a switch, a room'),
      }),
    )
    .refine(...atMostKeys(NODES_MAX, 'nodes'))
    .describe('inventory by node id: who has to be there'),
  timing: TimingConfig.prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});
export type MonitorConfig = z.infer<typeof MonitorConfig>;

/** A whole file as the monitor reads it: `site` and `monitor`. */
export const MonitorFile = serviceSchema({ monitor: MonitorConfig });
export type MonitorFile = z.infer<typeof MonitorFile>;

/** The roster's timings of a configuration. */
export function timingsOf(timing: MonitorConfig['timing']): RosterTimings {
  const { leaseMs, ...rest } = timing;
  return deriveTimings(leaseMs === undefined ? rest : { ...rest, leaseMs });
}
