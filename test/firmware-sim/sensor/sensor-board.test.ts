import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { type Broker, openBroker } from '../../../broker/broker.js';
import { BrokerConfig } from '../../../broker/config.js';
import { setUser } from '../../../broker/password-command.js';
import { runSensorBoard } from '../../../firmware-sim/sensor/sensor-board.js';
import { sensorFault } from '../../../firmware-sim/sensor/sensor-sample.js';
import { routes } from '../../../protocol/routes.js';
import type { NodeInfo, SensorReading, Status } from '../../../protocol/status.js';

const SEED = 'board-test';
const PASSWORD = 'only-for-this-test';
const START_MS = Date.UTC(2026, 5, 21, 12);

/** A wall clock set to when a fault of the temperature part begins; everything else is the machine's. */
class ShiftedClock extends SystemClock {
  readonly #shiftMs: number;

  constructor(startMs: number) {
    super();
    this.#shiftMs = startMs - Date.now();
  }

  override nowMs(): number {
    return super.nowMs() + this.#shiftMs;
  }
}

/** Just after the next fault of this kind began. */
function faultStart(kind: 'dropout' | 'garbage'): number {
  for (let tMs = START_MS; ; tMs += 1_000) {
    const fault = sensorFault('temperature', SEED, tMs);
    if (fault?.kind === kind && fault.untilMs - tMs > 10_000) return tMs;
  }
}

describe('a simulated sensor board on a real broker', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vedette-sensors-'));
  const parts = { clock: new SystemClock(), log: silentLog, random: new Random(SEED) };
  const readings = new Map<string, SensorReading>();
  let broker: Broker;
  let listener: Link;
  let status: Status | undefined;
  let info: NodeInfo | undefined;

  beforeAll(async () => {
    const passwordFile = join(dir, 'users');
    await setUser({ path: passwordFile, name: 'garden', role: 'node', password: PASSWORD });
    const config = {
      tcp: { host: '127.0.0.1', port: 0 },
      anonymousRead: true,
      passwordFile,
      stateDir: join(dir, 'broker'),
    };
    broker = await openBroker(BrokerConfig.parse(config), parts);
    listener = new Link({
      ...parts,
      url: `mqtt://127.0.0.1:${broker.ports.tcp}`,
      clientId: 'watcher',
      root: 'vedette',
    });
    listener.subscribe(routes.sensor, { node: 'garden' }, ({ params, payload }) =>
      readings.set(params.sensor, payload),
    );
    listener.subscribe(routes.status, { node: 'garden' }, ({ payload }) => {
      status = payload;
    });
    listener.subscribe(routes.info, { node: 'garden' }, ({ payload }) => {
      info = payload;
    });
    listener.open();
    await vi.waitFor(() => expect(listener.isUp).toBe(true), 10_000);
  });

  afterAll(async () => {
    await listener.close();
    await broker.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Runs the board from a wall clock time until `seen`; then it stops. */
  async function runFrom(startMs: number, seen: () => void): Promise<void> {
    const stop = new AbortController();
    readings.clear();
    const running = runSensorBoard(
      {
        brokers: [`mqtt://127.0.0.1:${broker.ports.tcp}`],
        node: 'garden',
        password: PASSWORD,
        seed: SEED,
        root: 'vedette',
        stateDir: dir,
        version: '0.0.0',
        ...parts,
        clock: new ShiftedClock(startMs),
        intervalsMs: { temperature: 200, humidity: 200, light: 200, 'air-quality': 200 },
      },
      stop.signal,
    );
    try {
      await vi.waitFor(seen, 10_000);
    } finally {
      stop.abort();
      await running;
    }
  }

  it('is born, describes itself, publishes four readings, and says that it stops', async () => {
    await runFrom(START_MS, () => {
      expect(status?.state).toBe('online');
      expect([...readings.keys()].sort()).toEqual(['air-quality', 'humidity', 'light', 'temperature']);
      expect(Object.keys(info?.sensors ?? {})).toHaveLength(4);
    });
    expect(info?.cameras).toEqual({});
    await vi.waitFor(() => expect(status?.state).toBe('stopped'), 5_000);
  });

  it.each([
    ['dropout', 'missing'],
    ['garbage', 'range'],
  ] as const)('tells a %s as %s and publishes no number for it, while the other parts go on', async (fault, reason) => {
    await runFrom(faultStart(fault), () => {
      expect(readings.get('temperature')).toMatchObject({ value: null, ok: false, reason, unit: '°C' });
      expect(readings.get('humidity')?.ok).toBe(true);
    });
  });
});
