import { z } from 'zod';
import { type DeepReadonly, serviceSchema } from '../base/config.js';
import { atMostKeys } from '../base/config-keys.js';
import { WebhookConfig } from '../base/webhook.js';
import { edgeUnit, Unit } from '../protocol/board.js';
import { Id } from '../protocol/ids.js';
import { inventoryFaults } from './inventory-check.js';
import { MetricsConfig } from './metrics/config.js';
import type { PlanEntry } from './plan/case.js';
import { derivePlanTimings, type PlanTimings } from './plan/timings.js';
import type { BoardAddress } from './restarter/restarter.js';
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

const Ms = z.int().min(100).max(86_400_000);

const PlanConfig = z.strictObject({
  mode: z
    .enum(['act', 'dry-run', 'observe'])
    .default('act')
    .describe('act; say what would be done; or only watch and ask no board'),
  verifyMs: Ms.default(90_000).describe(
    'how long a restart has to show a new invocation and three heartbeats with fresh frames',
  ),
  retryMs: Ms.default(10_000).describe('wait before the next probe where the last one says: not yet'),
  staleMs: Ms.default(35_000).describe(
    'a pipeline whose frames or pulse are older than this stands still; twelve frames of a camera that is slower',
  ),
  wedgedMs: Ms.default(35_000).describe('how long heartbeats may tell of old frames before the board is asked'),
  doubtTrialMs: Ms.default(3_600_000).describe(
    'a node that was restarted because others doubt its results, and is still doubted after this, is given up',
  ),
  doubtDisputesMax: z.int().min(1).max(1_000).default(3).describe('or after so many more of its results were disputed'),
  startMs: Ms.default(90_000).describe('a service younger than this need not have shown its pulse yet'),
  personMs: Ms.default(900_000).describe('wait before a board is asked again that a person must look after'),
  restartDelaysMs: z
    .array(z.int().min(0).max(86_400_000))
    .min(1)
    .max(10)
    .default([0, 30_000, 120_000, 300_000, 900_000])
    .describe('waits before the restarts of one series; the last one repeats'),
  restartsMax: z.int().min(1).max(20).default(3).describe('restarts of one series before the ladder goes on'),
  healthyMs: Ms.default(600_000).describe('healthy for so long: the series is over'),
  nodeRestartsPerHour: z.int().min(1).max(1_000).default(5),
  fleetRestartsPerHour: z.int().min(1).max(10_000).default(12),
  concurrentMax: z.int().min(1).max(100).default(2).describe('actions at a time'),
  concurrentPerSiteMax: z.int().min(1).max(100).default(1).describe('actions at a time at one site'),
});

const BoardConfig = z.strictObject({
  host: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9._:-]+$/, 'allowed: a host name or an address'),
  port: z.int().min(1).max(65_535).default(22),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'allowed: a user name')
    .default('vedette-ctl')
    .describe('user whose forced command is vedette-boardctl'),
  hostKey: z
    .string()
    .regex(
      /^SHA256:[A-Za-z0-9+/]{43}$/,
      'allowed: SHA256: and 43 characters, as ssh-keygen -lf shows the Ed25519 host key',
    )
    .describe('fingerprint of its Ed25519 host key; another key is never accepted'),
});

/** The `monitor` section: one monitor and its inventory. */
export const MonitorConfig = z
  .strictObject({
    name: Id.default('monitor').describe('name of the monitor, its MQTT identity and client id'),
    passwordFile: z.string().min(1).max(4096).optional().describe('file with the MQTT password, mode 0600'),
    certFile: z.string().min(1).max(4096).optional().describe('TLS client certificate, PEM'),
    keyFile: z.string().min(1).max(4096).optional().describe('its key, PEM, mode 0600'),
    nodes: z
      .record(
        Id,
        z.strictObject({
          site: Id.optional().describe('what it shares with others that can fail as one: a switch, a room'),
          board: Id.optional().describe('board it runs on; without one it is watched and never restarted'),
          unit: Unit.optional().describe('its systemd unit; vedette-edge@NODE.service unless given'),
          group: Id.optional().describe('nodes that stand in for each other: the last one that works is touched later'),
          dependencies: z
            .array(Unit)
            .max(8)
            .default([])
            .describe('units on its board restarted first, where it alone does not help'),
          reboot: z.boolean().default(false).describe('the board may be rebooted where restarts do not help'),
        }),
      )
      .refine(...atMostKeys(NODES_MAX, 'nodes'))
      .describe('inventory by node id: who has to be there'),
    boards: z.record(Id, BoardConfig).default({}).describe('boards by id, and how to reach them over SSH'),
    brokers: z
      .record(Id, z.strictObject({ board: Id, unit: Unit.default('vedette-broker.service') }))
      .default({})
      .describe('brokers on boards of the inventory, restarted when they are down and systemd has given up'),
    sshKeyFile: z.string().min(1).max(4096).optional().describe("the monitor's private SSH key, mode 0600"),
    plan: PlanConfig.prefault({}),
    webhook: WebhookConfig.optional().describe(
      'gets a POST with {node, rule, what, atMs, monitor} when a person is needed',
    ),
    metrics: MetricsConfig.optional().describe('page for Prometheus; none unless given'),
    timing: TimingConfig.prefault({}),
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .superRefine(
    (config, context) => {
      for (const { path, message } of inventoryFaults(config)) context.addIssue({ code: 'custom', path, message });
    },
    // Also beside faults of single values: all are told at once.
    { when: () => true },
  );
export type MonitorConfig = z.infer<typeof MonitorConfig>;

/** A whole file as the monitor reads it: `site` and `monitor`. */
export const MonitorFile = serviceSchema({ monitor: MonitorConfig });
export type MonitorFile = z.infer<typeof MonitorFile>;

/** The roster's timings of a configuration. */
export function timingsOf(timing: MonitorConfig['timing']): RosterTimings {
  const { leaseMs, ...rest } = timing;
  return deriveTimings(leaseMs === undefined ? rest : { ...rest, leaseMs });
}

/** The plan's timings of a configuration. */
export function planTimingsOf({ plan, timing }: DeepReadonly<Pick<MonitorConfig, 'plan' | 'timing'>>): PlanTimings {
  const { mode: _mode, restartDelaysMs, ...rest } = plan;
  return derivePlanTimings({ ...rest, restartDelaysMs: [...restartDelaysMs], graceMs: timing.graceMs });
}

/** What can be acted on: units on boards. */
export function planEntriesOf(config: DeepReadonly<Pick<MonitorConfig, 'nodes' | 'brokers'>>): PlanEntry[] {
  const nodes = Object.entries(config.nodes).flatMap(([node, { board, unit, site, group, dependencies, reboot }]) =>
    board === undefined
      ? []
      : [{ node, kind: 'edge' as const, unit: unit ?? edgeUnit(node), site, group, dependencies, mayReboot: reboot }],
  );
  const brokers = Object.entries(config.brokers).map(([node, { unit }]) => {
    return { node, kind: 'broker' as const, unit, dependencies: [], mayReboot: false };
  });
  return [...nodes, ...brokers];
}

/** Where each unit's board is, by node or broker id. */
export function addressesOf(config: DeepReadonly<MonitorConfig>): Map<string, BoardAddress> {
  const placed = [...Object.entries(config.nodes), ...Object.entries(config.brokers)];
  return new Map(
    placed.flatMap(([name, { board }]) => {
      const at = board === undefined ? undefined : config.boards[board];
      return at === undefined || board === undefined ? [] : [[name, { board, ...at }]];
    }),
  );
}
