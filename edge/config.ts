import { z } from 'zod';
import { serviceSchema } from '../base/config.js';
import { atMostKeys } from '../base/config-keys.js';
import { Id } from '../protocol/ids.js';
import { CameraConfig } from './camera-config.js';
import { HomeAssistantConfig } from './home-assistant/config.js';
import { AlertsConfig } from './rules/alert-outlets.js';
import { RULES_MAX, RuleConfig, TimeZone } from './rules/config.js';
import { SensorConfig } from './sensing/config.js';
import { SharingConfig } from './sharing/config.js';

const ModelConfig = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe('an .onnx file, its manifest beside it; absent: the built-in model of the simulated world'),
  threads: z.int().min(1).max(16).default(1).describe('threads of one inference'),
  instances: z
    .union([z.int().min(1).max(16), z.literal('auto')])
    .default('auto')
    .describe(
      'detectors that run at once; auto: one per camera, source and offer there may be, for a file read at fps max without a motion gate as many as fit, at most one per core but one. Each takes the memory of the model again',
    ),
});

const LimitsConfig = z.strictObject({
  // A model that takes longer than this per frame is of no use to a camera; a hung one is ended after it.
  frameDeadlineMs: z
    .int()
    .min(500)
    .max(120_000)
    .default(10_000)
    .describe('longest a frame may take before the vision process is ended'),
  startDeadlineMs: z
    .int()
    .min(5000)
    .max(600_000)
    .default(60_000)
    .describe('longest the vision process may take to load its model'),
  visionMemoryMaxMiB: z
    .int()
    .min(96)
    .max(65_536)
    .default(600)
    .describe('resident memory at which the vision process is ended'),
  temperatureMaxC: z
    .number()
    .min(30)
    .max(110)
    .default(75)
    .describe('a board hotter than this looks at fewer frames, before it slows itself down (a Raspberry Pi: at 80)'),
  shareMin: z
    .number()
    .min(0.05)
    .max(1)
    .default(0.25)
    .describe('share of the time the detectors may work at least, however hot the board is; 1: never less'),
  shareMax: z
    .number()
    .min(0.01)
    .max(1)
    .default(1)
    .describe('share of the time the detectors may work at most, however cool it is: to save power, or for other work'),
});

const TimingConfig = z.strictObject({
  beatMs: z.int().min(200).max(60_000).default(10_000).describe('heartbeat interval'),
  healthMs: z.int().min(1000).max(3_600_000).default(60_000).describe('health interval'),
});

const RecordsConfig = z.strictObject({
  retentionMiB: z
    .int()
    .min(1)
    .max(1_048_576)
    .default(256)
    .describe('closed segments kept; the oldest go first. 256 MiB hold ten million records'),
  retentionRecords: z
    .int()
    .min(1000)
    .max(1_000_000_000)
    .default(10_000_000)
    .describe('records in closed segments; the oldest go first'),
  retentionDays: z
    .number()
    .min(0.01)
    .max(3650)
    .default(30)
    .describe('records kept this long at most, where their kind has no time of its own'),
  retentionDaysByKind: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,15}$/), z.number().min(0.01).max(3650))
    .refine(...atMostKeys(32, 'kinds of records'))
    .default({})
    .describe(
      'days by kind of record, such as `loss: 365`. A segment goes when all its records may; one that stays holds those behind it, until there are too many or too large',
    ),
  indexDocumentsMax: z
    .int()
    .min(0)
    .max(200_000)
    .default(50_000)
    .describe(
      'newest records held in memory while somebody asks for them, about 2 kB each; older ones are read from disk. 0: no index',
    ),
  fsyncMs: z
    .int()
    .min(50)
    .max(60_000)
    .default(1000)
    .describe('records reach the disk for good this long after they were made'),
  fsyncRefillMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(15_000)
    .describe(
      'spares the card: 20 fsyncs at fsyncMs, then one in this time; every 64 records in any case. 0: always fsyncMs',
    ),
});

const ReplicaConfig = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('keep copies of the records of other nodes, answer for them, and for the own'),
  // At 26 B a record, 40 million records: ten nodes at a record a second for six weeks.
  budgetMiB: z.int().min(1).max(1_048_576).default(1024).describe('closed segments of copies; the oldest go first'),
  retentionDays: z
    .number()
    .min(0.01)
    .max(3650)
    .default(30)
    .describe(
      'records of nodes that are away are kept this long; those of the others as long as their nodes keep them',
    ),
  pollMs: z
    .int()
    .min(1000)
    .max(86_400_000)
    .default(60_000)
    .describe(
      'how often some segments are read again and compared with other copies, half to one and a half times this',
    ),
});

/** The `edge` section: one node. */
export const EdgeConfig = z.strictObject({
  node: Id.describe('name of the node, its MQTT identity and client id'),
  name: z.string().max(200).optional().describe('name people see'),
  passwordFile: z.string().min(1).max(4096).optional().describe('file with the MQTT password, mode 0600'),
  certFile: z.string().min(1).max(4096).optional().describe('TLS client certificate, PEM'),
  keyFile: z.string().min(1).max(4096).optional().describe('its key, PEM, mode 0600'),
  model: ModelConfig.prefault({}),
  cameras: z
    .record(Id, CameraConfig)
    .refine(...atMostKeys(16, 'cameras on one node'))
    .describe('by camera id'),
  sensors: z
    .record(Id, SensorConfig)
    .refine(...atMostKeys(64, 'sensors on one node'))
    .default({})
    .describe('by sensor id'),
  rules: z
    .record(Id, RuleConfig)
    .refine(...atMostKeys(RULES_MAX, 'rules on one node'))
    .default({})
    .describe('by rule id, its topic level: alerts raised by what the node sees and reads'),
  alerts: AlertsConfig.prefault({}),
  timeZone: TimeZone.optional().describe("of hours and schedules in rules; absent: the machine's own"),
  homeAssistant: HomeAssistantConfig.optional().describe(
    'present, be it empty (`homeAssistant: {}`): the node announces itself to Home Assistant by MQTT discovery',
  ),
  cameraEvents: z.boolean().default(false).describe('also publish each track event on camera/<camera>/event'),
  records: RecordsConfig.prefault({}),
  replica: ReplicaConfig.prefault({}),
  sharing: SharingConfig.prefault({}),
  limits: LimitsConfig.prefault({}),
  timing: TimingConfig.prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});
export type EdgeConfig = z.infer<typeof EdgeConfig>;

/** A whole file as the edge service reads it: `site` and `edge`. */
export const EdgeFile = serviceSchema({ edge: EdgeConfig });
export type EdgeFile = z.infer<typeof EdgeFile>;
