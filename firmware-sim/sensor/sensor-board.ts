import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import { BEAT_PERIOD_MS, Heartbeat } from '../../base/presence/heartbeat.js';
import { Presence } from '../../base/presence/presence.js';
import type { Random } from '../../base/random.js';
import { routes, TOPIC_MAJOR } from '../../protocol/routes.js';
import { type NodeInfo, SCHEMA_MINOR, type SensorReading } from '../../protocol/status.js';
import { checkSample, NEW_SENSOR, type SensorVerdict } from './sensor-check.js';
import { SENSOR_KINDS, SENSOR_TRAITS, type SensorKind } from './sensor-kind.js';
import { sensorSample } from './sensor-sample.js';

export type SensorBoardOptions = {
  /** Broker addresses in order of preference. */
  readonly brokers: readonly string[];
  /** Name of the board: its node id, user name and client id. */
  readonly node: string;
  readonly password?: string;
  /** What its world and its faults are made from. */
  readonly seed: string | number;
  readonly root: string;
  /** Folder of the board's flash memory: its generation. */
  readonly stateDir: string;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How often each part is read, where it is not as in its traits. */
  readonly intervalsMs?: Partial<Readonly<Record<SensorKind, number>>>;
  readonly beatMs?: number;
};

/** A fault that stands is told again this often, so that its time stamp shows that the board still looks. */
const FAULT_REPEAT_MS = 60_000;

/**
 * A simulated board with four sensors, as an ESP32 would be one: it speaks MQTT and nothing else, with birth, will and
 * heartbeats as any node. Runs until the signal aborts, then says that it stops. A broker that is away is no error.
 */
export async function runSensorBoard(options: SensorBoardOptions, signal: AbortSignal): Promise<void> {
  const board = new SensorBoard(options);
  await board.open();
  try {
    await board.run(signal);
  } finally {
    await board.close();
  }
}

class SensorBoard {
  readonly #options: SensorBoardOptions;
  readonly #link: Link;
  readonly #presence: Presence;
  readonly #heartbeat: Heartbeat;
  readonly #readings = new Map<SensorKind, SensorReading>();
  readonly #counters = new Counters(['samples', 'missing', 'stuck', 'range', 'unsent'] as const);

  constructor(options: SensorBoardOptions) {
    this.#options = options;
    const { node, clock, random, log, root, version } = options;
    this.#link = new Link({
      url: options.brokers,
      clientId: node,
      username: node,
      ...(options.password === undefined ? {} : { password: options.password }),
      root,
      clock,
      random,
      log,
    });
    this.#presence = new Presence({
      link: this.#link,
      identity: { kind: 'node', node },
      stateDir: join(options.stateDir, 'sensors', node),
      version,
      clock,
      random,
      log,
    });
    this.#heartbeat = new Heartbeat({
      link: this.#link,
      presence: this.#presence,
      node,
      clock,
      log,
      cameras: () => ({}),
      periodMs: options.beatMs ?? BEAT_PERIOD_MS,
    });
  }

  async open(): Promise<void> {
    await this.#presence.open();
    this.#presence.onRepublish(() => this.#publishAll());
    this.#heartbeat.open();
    this.#link.open();
    this.#options.log.info('sensor board runs', { node: this.#options.node, brokers: this.#options.brokers });
  }

  /** One loop per sensor, each at its own pace. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(SENSOR_KINDS.map((kind) => this.#runSensor(kind, signal)));
  }

  async close(): Promise<void> {
    this.#heartbeat.close();
    await this.#presence.close('sigterm');
    this.#options.log.info('sensor board stopped', { counters: this.#counters.snapshot() });
  }

  async #runSensor(kind: SensorKind, signal: AbortSignal): Promise<void> {
    const { clock, seed } = this.#options;
    const intervalMs = this.#options.intervalsMs?.[kind] ?? SENSOR_TRAITS[kind].intervalMs;
    let history = NEW_SENSOR;
    while (!signal.aborted) {
      const sample = sensorSample(kind, seed, clock.nowMs());
      const checked = checkSample(history, sample, SENSOR_TRAITS[kind]);
      history = checked.history;
      this.#counters.add('samples');
      this.#heartbeat.progress();
      this.#report(kind, checked.verdict);
      await clock.sleep(intervalMs, signal).catch(() => {});
    }
  }

  #report(kind: SensorKind, verdict: SensorVerdict): void {
    if (verdict.kind === 'wait') return;
    const atMs = this.#options.clock.nowMs();
    const { unit } = SENSOR_TRAITS[kind];
    if (verdict.kind === 'value') {
      this.#put(kind, { v: SCHEMA_MINOR, value: verdict.value, unit, atMs, ok: true });
      return;
    }
    const before = this.#readings.get(kind);
    const isKnown = before?.reason === verdict.reason;
    if (isKnown && atMs - before.atMs < FAULT_REPEAT_MS) return;
    if (!isKnown) {
      this.#counters.add(verdict.reason);
      this.#options.log.warn('sensor gives no reading', { sensor: kind, reason: verdict.reason });
    }
    this.#put(kind, { v: SCHEMA_MINOR, value: null, unit, atMs, ok: false, reason: verdict.reason });
  }

  #put(kind: SensorKind, reading: SensorReading): void {
    this.#readings.set(kind, reading);
    this.#send(this.#link.publish(routes.sensor, { node: this.#options.node, sensor: kind }, reading));
  }

  #publishAll(): void {
    this.#send(this.#link.publish(routes.info, { node: this.#options.node }, this.#info()));
    for (const [kind, reading] of this.#readings) {
      this.#send(this.#link.publish(routes.sensor, { node: this.#options.node, sensor: kind }, reading));
    }
  }

  #info(): NodeInfo {
    const { version, seed, node } = this.#options;
    const sensors = Object.fromEntries(SENSOR_KINDS.map((kind) => [kind, { unit: SENSOR_TRAITS[kind].unit, kind }]));
    return {
      v: SCHEMA_MINOR,
      name: 'simulated sensor board',
      version,
      cameras: {},
      sensors,
      labels: [],
      configSha256: createHash('sha256')
        .update(JSON.stringify([node, String(seed)]))
        .digest('hex'),
      capabilities: ['sensors'],
      schemas: { major: TOPIC_MAJOR, minor: SCHEMA_MINOR },
    };
  }

  // A small board keeps no queue: what did not get out is followed by the next reading.
  #send(publishing: Promise<void>): void {
    publishing.catch((error) => {
      this.#counters.add('unsent');
      this.#options.log.debug('not published', { error: messageOf(error) });
    });
  }
}
