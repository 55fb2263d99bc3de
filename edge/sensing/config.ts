import { z } from 'zod';
import { BROKER_URL, type DeepReadonly } from '../../base/config.js';
import { parseJsonPath } from './json-value.js';

/** What a simulated sensor can be: what `vedette sim sensors --print` takes. */
export const SIM_KINDS = ['temperature', 'humidity', 'light', 'air-quality'] as const;

// Parts of a path below /sys: no separators, so that a configuration cannot read elsewhere by them.
const NAME = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/, 'letters, digits and _ . : -');

const SimSensor = z.strictObject({
  driver: z.literal('sim'),
  kind: z.enum(SIM_KINDS),
  seed: z.string().min(1).max(64).default('1'),
});

const IioSensor = z.strictObject({
  driver: z.literal('iio'),
  device: NAME.describe('its `name`, such as bme280, or its folder, such as iio:device0'),
  channel: NAME.describe('what it measures: temp, humidityrelative, pressure, illuminance, co2 ...'),
});

const HwmonSensor = z.strictObject({
  driver: z.literal('hwmon'),
  chip: NAME.describe('its `name`, such as cpu_thermal, or its folder, such as hwmon0'),
  input: z
    .string()
    .regex(/^(temp|humidity|in|fan|curr|power)\d{1,3}$/, 'temp1, humidity1, in0, fan1, curr1, power1 ...'),
});

const W1Sensor = z.strictObject({
  driver: z.literal('w1'),
  id: z.string().regex(/^[0-9a-f]{2}-[0-9a-f]{12}$/, 'family and serial number, such as 28-0316a2795bff'),
});

const FileSensor = z.strictObject({
  driver: z.literal('file'),
  path: z.string().min(1).max(4096).describe('a file that holds one number'),
});

const CommandSensor = z.strictObject({
  driver: z.literal('command'),
  argv: z.array(z.string().min(1).max(1024)).min(1).max(64).describe('program and arguments; prints one number'),
  timeoutMs: z.int().min(100).max(60_000).default(5_000),
});

const MqttSensor = z.strictObject({
  driver: z.literal('mqtt'),
  url: z
    .string()
    .regex(BROKER_URL, 'allowed: mqtt://, mqtts://, ws:// or wss:// with a host and no password')
    .describe('broker of the device; also the own one, where that is a Mosquitto and lets this node read the topic'),
  username: z.string().min(1).max(256).optional(),
  passwordFile: z.string().min(1).max(4096).optional().describe('file with the password, mode 0600'),
  caFile: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe(
      'PEM file of the authority that signed the broker, for mqtts:// and wss://; absent: those the system knows',
    ),
  topic: z
    .string()
    .min(1)
    .max(256)
    .refine((text) => !/[+#]/.test(text) && !text.includes('\0'), 'one topic, without + and #')
    .describe('where the device publishes'),
  path: z
    .string()
    .max(256)
    .refine((text) => parseJsonPath(text) !== undefined, 'allowed: temperature, air.co2, list[0].value, ["any name"]')
    .default('')
    .describe('where in the JSON the number is; empty: the message is the number, or ON or OFF'),
  maxAgeMs: z
    .int()
    .min(1_000)
    .max(604_800_000)
    .default(600_000)
    .describe('a device that was silent for so long has no reading; a few times what it takes between two'),
});
export type MqttSensor = DeepReadonly<z.infer<typeof MqttSensor>>;

const SourceObject = z.discriminatedUnion(
  'driver',
  [SimSensor, IioSensor, HwmonSensor, W1Sensor, FileSensor, CommandSensor, MqttSensor],
  { error: 'driver: one of sim, iio, hwmon, w1, file, command, mqtt' },
);
export type SensorSourceConfig = DeepReadonly<z.infer<typeof SourceObject>>;

export const SENSOR_SHORT_FORMS = 'sim:temperature, iio:NAME/CHANNEL, hwmon:NAME/temp1, w1:28-ID or file:PATH';

/** Where the numbers of a sensor come from: a short form or an object. */
const SensorSourceConfig = z.union([z.string(), z.looseObject({})]).transform((value, context) => {
  const expanded = typeof value === 'string' ? expandShortForm(value) : value;
  if (expanded === undefined) {
    context.addIssue({ code: 'custom', message: `a sensor's source is ${SENSOR_SHORT_FORMS}` });
    return z.NEVER;
  }
  const result = SourceObject.safeParse(expanded);
  if (result.success) return result.data;
  for (const { message, path } of result.error.issues) context.addIssue({ code: 'custom', message, path });
  return z.NEVER;
});

function expandShortForm(text: string): Record<string, unknown> | undefined {
  const colon = text.indexOf(':');
  const driver = text.slice(0, colon);
  const rest = text.slice(colon + 1);
  if (colon < 0 || rest === '') return undefined;
  const slash = rest.indexOf('/');
  switch (driver) {
    case 'sim':
      return { driver, kind: rest };
    case 'iio':
      return slash < 0 ? undefined : { driver, device: rest.slice(0, slash), channel: rest.slice(slash + 1) };
    case 'hwmon':
      return slash < 0 ? undefined : { driver, chip: rest.slice(0, slash), input: rest.slice(slash + 1) };
    case 'w1':
      return { driver, id: rest };
    case 'file':
      return { driver, path: rest };
    default:
      return undefined;
  }
}

/** One sensor of a node: where its numbers come from, what they mean, and when they are told. */
export const SensorConfig = z
  .strictObject({
    source: SensorSourceConfig,
    unit: z.string().min(1).max(16).optional().describe('as shown; default: that of the source, where it has one'),
    intervalMs: z.int().min(100).max(3_600_000).default(10_000).describe('how often it is read'),
    gain: z.number().default(1).describe('calibration: value = raw * gain + offset'),
    offset: z.number().default(0).describe('calibration, in the unit'),
    min: z.number().optional().describe('smallest value the part can measure; less is a fault, not a reading'),
    max: z.number().optional().describe('largest value the part can measure'),
    stuckAfterMs: z
      .int()
      .min(1000)
      .max(604_800_000)
      .optional()
      .describe('the very same number for so long is a stuck part; absent: never, for parts that may well stand still'),
    smoothingMs: z.int().min(0).max(3_600_000).default(0).describe('time constant of smoothing; 0: none'),
    deadband: z.number().min(0).default(0).describe('a reading is told when it differs by more than this, in the unit'),
    reportEveryMs: z
      .int()
      .min(1000)
      .max(86_400_000)
      .default(60_000)
      .describe('and at least this often, so that its time stamp shows that somebody still looks'),
  })
  .refine(({ min, max }) => min === undefined || max === undefined || min < max, {
    message: 'min is to be below max',
    path: ['min'],
  });
export type SensorConfig = z.infer<typeof SensorConfig>;
