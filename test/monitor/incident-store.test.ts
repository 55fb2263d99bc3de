import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { type Log, silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { IncidentStore } from '../../monitor/incident-store.js';
import type { Incident } from '../../protocol/status.js';
import { compiledUrl } from '../compiled.js';

const clock = new SystemClock();
let folder: string;
let store: IncidentStore | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vedette-incidents-'));
});
afterEach(async () => {
  await store?.close();
  store = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function incident(openedAtMs: number, change: Partial<Incident> = {}): Incident {
  const evidence = [{ atMs: openedAtMs, what: 'will of generation 3' }];
  return { v: 1, node: 'cam1', state: 'suspect', cause: 'will', openedAtMs, evidence, ...change };
}

async function reopened(log: Log = silentLog): Promise<IncidentStore> {
  await store?.close();
  store = await IncidentStore.open(folder, clock, log);
  return store;
}

describe('the history of incidents', () => {
  it('keeps how each incident stood last, over restarts, newest first', async () => {
    const first = await reopened();
    first.put(incident(1));
    first.put(incident(2, { node: 'cam2' }));
    first.put(incident(1, { state: 'up', closedAtMs: 9 }));
    const kept = [incident(2, { node: 'cam2' }), incident(1, { state: 'up', closedAtMs: 9 })];
    expect(await first.all()).toEqual(kept);
    expect(await (await reopened()).all()).toEqual(kept);
  });

  it('is bounded: a thousand, of which the oldest make room', async () => {
    const bounded = await reopened();
    for (let i = 0; i < 1_003; i++) bounded.put(incident(i));
    const kept = await bounded.all();
    expect(kept).toHaveLength(1_000);
    expect(kept.at(-1)?.openedAtMs).toBe(3);
    expect(bounded.counters.get('incidentsMadeRoom')).toBe(3);
    // One that changes costs nobody the place.
    bounded.put(incident(500, { state: 'up' }));
    expect((await bounded.all()).length).toBe(1_000);
  });

  it('loses nothing that it said was written to kill -9, at any moment', async () => {
    compiledUrl('monitor/incident-store');
    const random = new Random('incident-store');
    let next = 0;
    for (let life = 0; life < 6; life++) {
      const writer = spawn(process.execPath, ['test/monitor/incident-writer.mjs', folder, `${next}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      writer.stdout.on('data', (part: Buffer) => {
        said += part.toString();
        if (said.length > 200) setTimeout(() => writer.kill('SIGKILL'), random.int(20));
      });
      await once(writer, 'close');
      next = Number(said.split('\n').findLast((line, at, lines) => line !== '' && at < lines.length - 1)) + 1;
      expect(next).toBeGreaterThan(1);
      const kept = new Set((await (await reopened()).all()).map(({ openedAtMs }) => openedAtMs));
      const missing = Array.from({ length: next }, (_, i) => i).filter((i) => !kept.has(i));
      expect(missing.filter((i) => i >= next - 1_000)).toEqual([]);
      await store?.close();
      store = undefined;
    }
    process.stdout.write(`6 kills, ${next} incidents said to be written, 0 missing\n`);
  }, 120_000);

  it('reads what it can of a damaged file, keeps the file and says how much it cannot read', async () => {
    const before = await reopened();
    before.put(incident(1));
    await before.close();
    store = undefined;
    // A young file: one torn line is half of it.
    appendFileSync(join(folder, 'incidents.db'), '{"node":"cam1","openedAtMs":2,"evid');
    const warned: unknown[] = [];
    const log: Log = { ...silentLog, warn: (_message, fields) => void warned.push(fields) };
    const after = await reopened(log);
    expect(await after.all()).toEqual([incident(1)]);
    const kept = join(folder, 'incidents.db.damaged');
    expect(warned).toEqual([{ lines: 1, kept }]);
    expect(readFileSync(kept, 'utf8')).toContain('"openedAtMs":2');
    after.put(incident(3));
    expect(await (await reopened(log)).all()).toEqual([incident(3), incident(1)]);
    expect(warned).toHaveLength(1);
  });

  it('begins anew beside a file that is no history at all', async () => {
    writeFileSync(join(folder, 'incidents.db'), Buffer.from([0, 1, 2, 10, 255, 254, 10]));
    const anew = await reopened();
    anew.put(incident(1));
    expect(await anew.all()).toEqual([incident(1)]);
    expect(existsSync(join(folder, 'incidents.db.damaged'))).toBe(true);
  });

  it('counts what the disk does not take, and goes on', async () => {
    const full = await reopened();
    full.put(incident(1));
    await full.settled();
    // A folder in its place takes no writes, whoever we are.
    const path = join(folder, 'incidents.db');
    rmSync(path);
    mkdirSync(path);
    full.put(incident(2));
    await full.settled();
    expect(full.counters.get('incidentsNotStored')).toBe(1);
    rmSync(path, { recursive: true });
    full.put(incident(3));
    await full.settled();
    expect(full.counters.snapshot()).toMatchObject({ incidentsStored: 2, incidentsNotStored: 1 });
  });
});
