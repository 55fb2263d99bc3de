import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { type Log, silentLog } from '../../../base/log.js';
import { RuleConfig } from '../../../edge/rules/config.js';
import { type AlertNews, RuleDesk } from '../../../edge/rules/rule-desk.js';
import { Alert } from '../../../protocol/status.js';
import { person, reading, SCOPE } from './rule-world.js';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function stateDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vedette-rules-'));
  folders.push(folder);
  return folder;
}

const HOT = {
  when: 'temperature > 30.0',
  clear: 'temperature < 28.0',
  for: '5s',
  cooldown: '60s',
  text: '{temperature} °C',
};

/** A desk with its clock, and what it did in order. */
async function openDesk(rules: Record<string, object>, dir: string, clock = new SimulatedClock(), canRecord = true) {
  const did: string[] = [];
  const logged: string[] = [];
  const retained = new Map<string, unknown>();
  const log: Log = {
    ...silentLog,
    warn: (message, fields) => logged.push(`${message}: ${fields?.rule} ${fields?.why ?? ''}`.trim()),
    error: (message, fields) => logged.push(`${message}: ${fields?.setting ?? ''} ${fields?.error ?? ''}`),
  };
  const words = ({ kind, rule, alert, ...rest }: AlertNews) =>
    `${kind} ${rule} ${alert.text}${'why' in rest ? ` (${rest.why})` : ''}`;
  const desk = new RuleDesk({
    rules: Object.fromEntries(Object.entries(rules).map(([id, rule]) => [id, RuleConfig.parse(rule)])),
    ...{ scope: SCOPE, timeZone: 'UTC', stateDir: dir, clock, log },
    show: (rule, alert) => {
      if (alert === undefined) retained.delete(rule);
      else retained.set(rule, Alert.parse(alert));
    },
    record: async (news) => {
      if (!canRecord) throw new Error('no room');
      did.push(`record ${words(news)}`);
    },
    tell: (news) => did.push(`tell ${words(news)}`),
  });
  await desk.open();
  const feel = (value: number | null) => {
    desk.facts.setReading('temperature', reading(value, value === null ? 'missing' : undefined));
    desk.wake();
  };
  return { desk, clock, did, logged, retained, feel };
}

describe('the rules of a node', () => {
  it('raise and clear: shown, told and recorded, once each', async () => {
    const { desk, clock, did, retained, feel } = await openDesk({ hot: HOT }, await stateDir());
    feel(31.26);
    await clock.advance(4_000);
    expect(retained.size).toBe(0);
    await clock.advance(2_000);
    expect(retained.get('hot')).toMatchObject({ severity: 'warning', text: '31.3 °C', values: { temperature: 31.26 } });
    feel(29);
    await clock.advance(60_000);
    expect(retained.size).toBe(1);
    feel(27);
    await clock.advance(1_000);
    expect(retained.size).toBe(0);
    const raise = 'raise hot 31.3 °C';
    const clear = 'clear hot 31.3 °C (over)';
    expect(did).toEqual([`tell ${raise}`, `record ${raise}`, `tell ${clear}`, `record ${clear}`]);
    await desk.close();
  });

  it('see what happened at once, and look once at what happens together', async () => {
    const { desk, clock, did } = await openDesk({ gate: { when: 'count("person", "gate") >= 3' } }, await stateDir());
    desk.facts.setSeeing();
    for (const id of [1, 2, 3]) {
      desk.facts.applyTrack(person('front', id, ['gate']), clock.nowMs());
      desk.wake();
    }
    await clock.advance(50);
    expect(did).toEqual([
      'tell raise gate count("person", "gate") >= 3',
      'record raise gate count("person", "gate") >= 3',
    ]);
    await desk.close();
  });

  it('do not take a camera that has just begun to see for one that sees nobody', async () => {
    const rules = { gate: { when: 'count("person", "gate") > 0', cooldown: '1s' } };
    const { desk, clock, did } = await openDesk(rules, await stateDir());
    desk.facts.setSeeing();
    desk.facts.applyTrack(person('front', 1, ['gate']), clock.nowMs());
    await clock.advance(1_000);
    // The vision process dies and starts again: it tells of the person anew after some looks.
    desk.facts.setBlind('detector');
    desk.facts.applyTrack({ ...person('front', 1), ev: 'end' }, clock.nowMs());
    await clock.advance(5_000);
    desk.facts.setCamera('front', { ok: true, fps: 10 });
    await clock.advance(2_000);
    desk.facts.applyTrack(person('front', 2, ['gate']), clock.nowMs());
    await clock.advance(20_000);
    expect(did.filter((line) => line.startsWith('record'))).toEqual(['record raise gate count("person", "gate") > 0']);
    // One that sees nobody once it has had its looks is empty.
    desk.facts.setBlind('detector');
    desk.facts.applyTrack({ ...person('front', 2), ev: 'end' }, clock.nowMs());
    desk.facts.setCamera('front', { ok: true, fps: 10 });
    await clock.advance(2_000);
    expect(did).toHaveLength(2);
    await clock.advance(3_000);
    expect(did).toHaveLength(4);
    await desk.close();
  });

  it('leave out a rule with faults, tell each of them, and run the others', async () => {
    const rules = {
      broken: { when: 'temprature > 30.0', text: '{temperatur}' },
      hot: { ...HOT, for: '0s' },
      zero: { when: '1 / count("person", "back") > 0' },
    };
    const { desk, clock, did, logged, feel } = await openDesk(rules, await stateDir());
    desk.facts.setCamera('back', { ok: true, fps: 10 });
    feel(40);
    await clock.advance(120_000);
    expect(did).toHaveLength(2);
    expect(logged.filter((line) => line.startsWith('rule is left out'))).toEqual([
      expect.stringMatching(
        /rules\.broken\.when at character 1: there is no variable temprature; did you mean temperature\?/,
      ),
      expect.stringMatching(/rules\.broken\.text at character 2: there is no variable temperatur;/),
    ]);
    // A rule that cannot be computed is told once, and then counted.
    expect(logged.filter((line) => line.startsWith('rule cannot be computed'))).toEqual([
      'rule cannot be computed: zero division by zero',
    ]);
    const drops = desk.drops();
    expect(drops).toMatchObject({ 'rule-broken': 1, 'rule-unknown': 1 });
    expect(drops['rule-faults']).toBeGreaterThan(100);
    await desk.close();
  });

  it('keep an alert open while its value is unknown, and say so on its topic', async () => {
    const { desk, clock, logged, retained, feel } = await openDesk({ hot: { ...HOT, for: '0s' } }, await stateDir());
    feel(40);
    await clock.advance(1_000);
    feel(null);
    await clock.advance(60_000);
    expect(retained.get('hot')).toMatchObject({ unknown: 'sensor temperature gives no reading (missing)' });
    expect(logged).toEqual(['rule cannot tell: hot sensor temperature gives no reading (missing)']);
    feel(29);
    await clock.advance(1_000);
    expect(retained.get('hot')).not.toHaveProperty('unknown');
    expect(desk.drops()).toMatchObject({ 'rule-unknown': 1 });
    await desk.close();
  });

  it('take up open alerts and cooldowns after a restart: nothing is raised twice, everything clears once', async () => {
    const dir = await stateDir();
    const rules = { hot: { ...HOT, for: '0s' }, humid: { when: 'air_quality > 500.0', cooldown: '10m' } };
    const first = await openDesk(rules, dir);
    first.feel(40);
    first.desk.facts.setReading('air-quality', reading(600));
    await first.clock.advance(1_000);
    first.desk.facts.setReading('air-quality', reading(400));
    await first.clock.advance(1_000);
    await first.desk.close();
    expect(first.did).toHaveLength(6);

    const second = await openDesk(rules, dir, new SimulatedClock(first.clock.nowMs() + 60_000));
    expect(second.retained.get('hot')).toEqual(first.retained.get('hot'));
    second.feel(40);
    second.desk.facts.setReading('air-quality', reading(600));
    await second.clock.advance(500_000);
    expect(second.did).toEqual([]);
    second.feel(20);
    await second.clock.advance(60_000);
    expect(second.did.filter((line) => line.startsWith('record'))).toEqual([
      'record clear hot 40 °C (over)',
      'record raise humid air_quality > 500.0',
    ]);
    await second.desk.close();

    // A rule that is no longer configured leaves no alert behind.
    const third = await openDesk({ hot: rules.hot }, dir, new SimulatedClock(second.clock.nowMs()));
    expect(third.did).toEqual([
      'tell clear humid air_quality > 500.0 (removed)',
      'record clear humid air_quality > 500.0 (removed)',
    ]);
    await third.desk.close();
    const fourth = await openDesk({ hot: rules.hot }, dir, new SimulatedClock(second.clock.nowMs()));
    expect(fourth.did).toEqual([]);
    await fourth.desk.close();
  });

  it('begin with nothing open where the file is rotten, and go on where it cannot be written', async () => {
    const dir = await stateDir();
    await writeFile(join(dir, 'alerts.json'), '{"v":1,"open":{"hot":{}');
    const { desk, clock, did, logged, feel } = await openDesk({ hot: { ...HOT, for: '0s' } }, dir);
    expect(logged[0]).toMatch(/open alerts are not known/);
    await rm(dir, { recursive: true });
    feel(40);
    await clock.advance(1_000);
    await desk.close();
    expect(did).toHaveLength(2);
    expect(desk.drops()).toMatchObject({ 'rule-memory': 1 });
    folders.splice(folders.indexOf(dir), 1);
  });

  it('tell people although the log takes no record, and count it', async () => {
    const { desk, clock, did, feel } = await openDesk(
      { hot: { ...HOT, for: '0s' } },
      await stateDir(),
      undefined,
      false,
    );
    feel(40);
    await clock.advance(1_000);
    expect(did).toEqual(['tell raise hot 40 °C']);
    expect(desk.drops()).toMatchObject({ 'rule-records': 1 });
    await desk.close();
  });

  it('spare the card where a rule flaps all day, and bring what is left to disk at their end', async () => {
    const dir = await stateDir();
    const flap = { when: 'temperature > 30.0', cooldown: '1s', text: '{temperature} °C' };
    const { desk, clock, did, feel } = await openDesk({ flap }, dir);
    for (let i = 0; i < 150; i++) {
      feel(31);
      await clock.advance(1_000);
      feel(20);
      await clock.advance(1_000);
    }
    expect(did.length).toBeGreaterThan(500);
    // Twenty at once, then one each half minute of the five.
    expect(desk.writes).toBeGreaterThanOrEqual(25);
    expect(desk.writes).toBeLessThanOrEqual(30);
    feel(99);
    await clock.advance(2_000);
    await desk.close();
    expect(JSON.parse(await readFile(join(dir, 'alerts.json'), 'utf8'))).toMatchObject({
      open: { flap: { text: '99 °C' } },
    });
  });

  it('write their memory so that it can be read', async () => {
    const dir = await stateDir();
    const { desk, clock, feel } = await openDesk({ hot: { ...HOT, for: '0s' } }, dir);
    feel(40);
    await clock.advance(1_000);
    await desk.close();
    expect(JSON.parse(await readFile(join(dir, 'alerts.json'), 'utf8'))).toMatchObject({
      v: 1,
      open: { hot: { severity: 'warning', text: '40 °C', values: { temperature: 40 } } },
      cooldownUntilMs: {},
    });
  });
});
