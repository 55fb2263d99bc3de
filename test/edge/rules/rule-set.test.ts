import { describe, expect, it } from 'vitest';
import { Random } from '../../../base/random.js';
import { RuleConfig } from '../../../edge/rules/config.js';
import { type ReplayEvent, RuleReplay } from '../../../edge/rules/rule-replay.js';
import { RuleSet } from '../../../edge/rules/rule-set.js';
import { person, reading, SCOPE, seeingFacts, T0 } from './rule-world.js';

const rulesOf = (rules: Record<string, object>) =>
  Object.fromEntries(Object.entries(rules).map(([id, rule]) => [id, RuleConfig.parse(rule)]));

function setOf(rules: Record<string, object>, facts = seeingFacts(), timeZone = 'UTC'): RuleSet {
  return new RuleSet({ rules: rulesOf(rules), scope: SCOPE, timeZone, facts });
}

describe('a set of rules', () => {
  it('tells what a rule looked at, and fills in its text', () => {
    const facts = seeingFacts();
    facts.setReading('temperature', reading(31.26));
    facts.setReading('1st-floor', reading(1234.5));
    facts.applyTrack(person('front', 1, ['gate']), T0);
    const when = 'temperature > 30.0 && count("person", "gate") > 0 || air_quality > 5.0';
    const text =
      '{temperature}° {count("person", "gate")} {sensor("1st-floor")} {air_quality} {hour < 24 ? "day" : ""} }';
    const [news] = setOf({ hot: { when, text, severity: 'critical' } }, facts).step(T0, 0);
    expect(news).toEqual({
      kind: 'raise',
      rule: 'hot',
      alert: {
        raisedAtMs: T0,
        severity: 'critical',
        text: '31.3° 1 1235 ? day }',
        values: { temperature: 31.26, 'count("person", "gate")': 1 },
      },
    });
  });

  it('holds a rule to its hours by the clock of its zone', () => {
    const rules = { night: { when: 'true', schedule: [{ from: '22:00', to: '06:00' }] } };
    const set = setOf(rules, seeingFacts(), 'Pacific/Auckland');
    // 22:00 in Auckland is 10:00 UTC in June.
    const atMs = (hour: number) => Date.UTC(2026, 5, 10, hour);
    expect(set.step(atMs(9), 0)).toEqual([]);
    expect(set.step(atMs(10), 3_600_000)).toMatchObject([{ kind: 'raise' }]);
    expect(set.step(atMs(18), 8 * 3_600_000)).toMatchObject([{ kind: 'clear', why: 'schedule' }]);
  });

  it('goes by the monotonic clock: a wall clock that jumps raises and clears nothing', () => {
    const facts = seeingFacts();
    facts.setReading('temperature', reading(31));
    const set = setOf({ hot: { when: 'temperature > 30.0', for: '10m' } }, facts);
    expect(set.step(T0, 0)).toEqual([]);
    expect(set.step(T0 + 3_600_000, 1_000)).toEqual([]);
    expect(set.step(T0 - 3_600_000, 599_999)).toEqual([]);
    expect(set.step(T0 - 3_600_000, 600_000)).toMatchObject([{ kind: 'raise', alert: { raisedAtMs: T0 - 3_600_000 } }]);
  });

  it('leaves out rules that one look has no time for, and names them', () => {
    const loops = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [
        `loop${i}`,
        { when: `tracks().exists(t, ${Array.from({ length: 9 }, (_, k) => `t.score > 0.${k}`).join(' && ')})` },
      ]),
    );
    const set = setOf(loops);
    expect(set.rules.length + set.faults.length).toBe(12);
    expect(set.faults.length).toBeGreaterThan(0);
    expect(set.faults.at(-1)).toMatchObject({
      rule: 'loop11',
      key: 'when',
      message: expect.stringMatching(/allowed 100000/),
    });
  });
});

const RULES = {
  hot: { when: 'temperature > 30.0', clear: 'temperature < 28.0', for: '20s', cooldown: '45s', clearFor: '5s' },
  gate: { when: 'count("person", "gate") > 0', for: '3s', cooldown: '30s' },
  both: { when: 'temperature > 29.0 && count("person") > 0', cooldown: '1s' },
  blind: { when: '!camera_ok("front")', for: '15s', cooldown: '1s' },
  divided: { when: '6 / count("person", "back") > 2', cooldown: '10s' },
};

/** Half an hour of a node from a seed: people who come and go, a sensor that drops out, cameras that go blind. */
function eventsOf(seed: number): ReplayEvent[] {
  const random = new Random(seed);
  const events: ReplayEvent[] = [{ kind: 'start', atMs: T0 }];
  const open: { camera: string; id: number }[] = [];
  let atMs = T0;
  let value = 25;
  let id = 0;
  for (let i = 0; i < 150; i++) {
    atMs += random.chance(0.2) ? 0 : random.int(24_000);
    const camera = random.pick(['front', 'back']);
    const dice = random.next();
    if (dice < 0.35) {
      value += random.range(-3, 3.2);
      events.push({
        kind: 'reading',
        atMs,
        sensor: 'temperature',
        reading: random.chance(0.9) ? reading(value) : reading(null),
      });
    } else if (dice < 0.6) {
      const track = person(camera, ++id, random.chance(0.5) && camera === 'front' ? ['gate'] : []);
      open.push(track);
      events.push({ kind: 'track', atMs, track });
    } else if (dice < 0.85) {
      const gone = open.splice(random.int(Math.max(1, open.length)), 1)[0];
      if (gone !== undefined)
        events.push({ kind: 'track', atMs, track: { ...person(gone.camera, gone.id), ev: 'end' } });
    } else {
      events.push({ kind: 'camera', atMs, camera, state: { ok: random.chance(0.7), fps: 10 } });
    }
  }
  return events;
}

function replayOf(events: readonly ReplayEvent[]) {
  const replay = new RuleReplay({ rules: rulesOf(RULES), scope: SCOPE, timeZone: 'UTC' }, true);
  const news = [...replay.run(events)].filter((step) => typeof step !== 'number');
  return { news, replay };
}

describe('100 histories of nodes', () => {
  it('give alternating raises and clears of each rule, cooldowns apart, the same each time', () => {
    let raised = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const events = eventsOf(seed);
      const { news, replay } = replayOf(events);
      if (seed % 20 === 0) expect(replayOf(events).news, `seed ${seed}`).toEqual(news);
      for (const [rule, config] of Object.entries(rulesOf(RULES))) {
        const own = news.filter((entry) => entry.rule === rule && (entry.kind === 'raise' || entry.kind === 'clear'));
        const kinds = own.map(({ kind }) => kind);
        expect(kinds, `seed ${seed} ${rule}`).toEqual(kinds.map((_, i) => (i % 2 === 0 ? 'raise' : 'clear')));
        for (const [i, { kind, atMs }] of own.entries()) {
          const before = own[i - 1];
          if (kind === 'raise' && before !== undefined) {
            expect(atMs - before.atMs, `seed ${seed} ${rule}`).toBeGreaterThanOrEqual(config.cooldown);
          }
        }
        expect(replay.rules.open.has(rule), `seed ${seed} ${rule}`).toBe(kinds.at(-1) === 'raise');
        raised += kinds.filter((kind) => kind === 'raise').length;
      }
    }
    expect(raised).toBeGreaterThan(500);
  });
});
