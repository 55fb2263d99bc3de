import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAcl, parseAction } from '../../broker/acl-command.js';
import { ownerByForm, refusedClientId, refusedIdentityName } from '../../broker/identity.js';
import { type Identity, Rights } from '../../broker/rights.js';
import { SubscriptionTree } from '../../broker/subscription-tree.js';
import { containsFilter, malformedText, overLimit } from '../../broker/topic-filter.js';

const R = 'vedette/1';
const levels = (filter: string) => filter.split('/');

/** The definition of section 4.7 of MQTT 3.1.1, written once more without any cleverness. */
function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const pattern = levels(filter).map((level) => level.replace(/[.*?^${}()|[\]\\]/g, '\\$&').replace('+', '[^/]*'));
  const source = pattern.join('/').replace(/\/#$/, '(/.*)?').replace(/^#$/, '.*');
  return new RegExp(`^${source}$`, 's').test(topic);
}

const Level = fc.constantFrom('a', 'b', 'c');
const Topic = fc.array(Level, { minLength: 1, maxLength: 4 }).map((list) => list.join('/'));
const Filter = fc
  .tuple(fc.array(fc.oneof(Level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([list, hash]) => [...list, ...(hash || list.length === 0 ? ['#'] : [])].join('/'));

describe('filter containment', () => {
  it('holds exactly when every topic of the inner filter matches the outer one', () => {
    // Every topic of up to five levels over four letters, one of which is in no filter: longer ones tell no more.
    const letters = ['a', 'b', 'c', 'z'];
    const topics = [...letters];
    for (const topic of topics) {
      if (levels(topic).length < 5) topics.push(...letters.map((letter) => `${topic}/${letter}`));
    }
    fc.assert(
      fc.property(Filter, Filter, (outer, inner) => {
        fc.pre(inner !== '#');
        const expected = topics.filter((topic) => matches(inner, topic)).every((topic) => matches(outer, topic));
        expect(containsFilter(levels(outer), levels(inner)), `${outer} contains ${inner}`).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['a/#', 'a', true],
    ['a/#', 'a/#', true],
    ['a/+', 'a/#', false],
    ['a/+', 'a/+', true],
    ['+/b', 'a/b', true],
    ['a/b', '+/b', false],
    ['a/+/c', 'a/b', false],
    ['#', 'a/+/#', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
  ])('of %s over %s is %s', (outer, inner, expected) => {
    expect(containsFilter(levels(outer), levels(inner))).toBe(expected);
  });
});

describe('the subscription tree', () => {
  it('finds exactly the filters that match, whatever was added and removed before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(Filter, fc.boolean())), Topic, (changes, topic) => {
        const tree = new SubscriptionTree<string>();
        const present = new Set<string>();
        for (const [filter, add] of changes) {
          if (add) tree.add(filter, filter);
          else tree.remove(filter, filter);
          if (add) present.add(filter);
          else present.delete(filter);
        }
        expect(tree.size).toBe(present.size);
        expect(tree.match(topic).sort()).toEqual([...present].filter((filter) => matches(filter, topic)).sort());
      }),
    );
  });

  it('gives $-topics to no wildcard at the first level [MQTT-4.7.2-1]', () => {
    const tree = new SubscriptionTree<string>();
    for (const filter of ['#', '+/x', '$SYS/#']) tree.add(filter, filter);
    expect(tree.match('$SYS/x')).toEqual(['$SYS/#']);
  });
});

describe('the rights table', () => {
  const who = (name: string, role: Identity['role']): Identity => ({ name, role });
  const cam1 = who('cam1', 'node');
  const cases: readonly [Identity, 'pub' | 'sub', string, boolean][] = [
    [cam1, 'pub', `${R}/node/cam1/status`, true],
    [cam1, 'pub', `${R}/node/cam2/status`, false],
    [cam1, 'pub', `${R}/node/cam1`, true],
    [cam1, 'pub', `${R}/node/cam10/status`, false],
    [cam1, 'pub', `${R}/to/cam2/need/cam1`, true],
    [cam1, 'pub', `${R}/to/cam2/need/cam2`, false],
    [cam1, 'pub', `${R}/to/cam2/cmd/restart/cam1`, false],
    [cam1, 'pub', `${R}/to/cam2/cmd/pause/cam1`, false],
    [cam1, 'pub', `${R}/to/cam2/cmd/ping/cam1`, true],
    [cam1, 'pub', `${R}/to/cam2/cmd/rebirth/cam1`, true],
    [cam1, 'pub', `${R}/to/cam2/cmd/ping/cam3`, false],
    [cam1, 'sub', `${R}/to/cam1/#`, true],
    [cam1, 'sub', `${R}/to/cam1/result/+`, true],
    [cam1, 'sub', `${R}/to/+/#`, false],
    [cam1, 'sub', `${R}/node/+/status`, true],
    [cam1, 'sub', `${R}/node/+/camera/+/snapshot/+`, false],
    [cam1, 'sub', `${R}/node/cam1/camera/#`, true],
    [cam1, 'sub', `${R}/node/+/+`, false],
    [who('mon1', 'monitor'), 'sub', 'vedette/#', true],
    [who('mon1', 'monitor'), 'sub', '#', false],
    [who('mon1', 'monitor'), 'pub', `${R}/monitor/mon1/incident/cam1`, true],
    [who('mon1', 'monitor'), 'pub', `${R}/to/cam1/cmd/restart/mon1`, true],
    [who('mon1', 'monitor'), 'pub', `${R}/node/cam1/status`, false],
    [who('ops', 'operator'), 'pub', `${R}/maintenance/cam1`, true],
    [who('ops', 'operator'), 'pub', `${R}/to/cam1/cmd/restart/ops`, true],
    [who('ops', 'operator'), 'pub', `${R}/to/cam1/cmd/restart/other`, false],
    [who('alice', 'reader'), 'pub', `${R}/to/cam1/need/alice`, true],
    [who('alice', 'reader'), 'pub', `${R}/to/cam1/fill/alice`, false],
    [who('alice', 'reader'), 'pub', `${R}/node/alice/status`, false],
    [cam1, 'pub', 'homeassistant/device/vedette/cam1/config', true],
    [cam1, 'pub', 'homeassistant/device/vedette/cam2/config', false],
    [cam1, 'pub', 'homeassistant/device/other/cam1/config', false],
    [cam1, 'pub', 'homeassistant/switch/vedette/cam1/config', false],
    [cam1, 'pub', 'homeassistant/status', false],
    [cam1, 'sub', 'homeassistant/status', true],
    [cam1, 'sub', 'homeassistant/#', false],
    [who('ha', 'home-assistant'), 'sub', '#', true],
    [who('ha', 'home-assistant'), 'sub', '$SYS/#', false],
    [who('ha', 'home-assistant'), 'pub', 'homeassistant/status', true],
    [who('ha', 'home-assistant'), 'pub', 'homeassistant/device/vedette/cam1/config', true],
    [who('ha', 'home-assistant'), 'pub', `${R}/maintenance/cam1`, true],
    [who('ha', 'home-assistant'), 'pub', `${R}/to/mon1/cmd/restart/ha`, true],
    [who('ha', 'home-assistant'), 'pub', `${R}/to/mon1/cmd/restart/ops`, false],
    [who('ha', 'home-assistant'), 'pub', `${R}/to/cam1/cmd/pause/ha`, false],
    [who('ha', 'home-assistant'), 'pub', `${R}/node/ha/status`, false],
    [who('ops', 'operator'), 'pub', 'homeassistant/status', false],
    [who('anonymous', 'anonymous'), 'sub', 'vedette/#', true],
    [who('anonymous', 'anonymous'), 'pub', `${R}/to/cam1/need/anonymous`, false],
    [who('pi', 'source'), 'pub', `${R}/source/pi/frame`, true],
    [who('pi', 'source'), 'sub', `${R}/node/+/status`, false],
  ];
  it.each(cases)('says of %o %s %s: %s', (identity, action, topic, allowed) => {
    const answer = checkAcl('vedette', identity, action, topic);
    expect(answer.allowed).toBe(allowed);
    expect(answer.rule).toMatch(allowed ? /may (read|write)/ : /default: deny/);
  });

  it('names another root and major as foreign', () => {
    const rights = new Rights('garden', cam1);
    expect(rights.write('garden/1/node/cam1/status').allowed).toBe(true);
    expect(rights.write(`${R}/node/cam1/status`).allowed).toBe(false);
    expect(rights.write('garden/2/node/cam1/status').allowed).toBe(false);
  });

  it('tells on the command line what is odd about a question', () => {
    expect(checkAcl('vedette', cam1, 'pub', `${R}/node/cam1/nonsense`).note).toMatch(/quarantine/);
    expect(checkAcl('vedette', cam1, 'pub', `${R}/node/cam1/#`)).toEqual({
      allowed: false,
      rule: 'a topic name has no wildcards',
    });
    expect(checkAcl('vedette', cam1, 'sub', 'a\0').allowed).toBe(false);
    expect(() => parseAction('read')).toThrow(/pub, sub/);
  });
});

describe('a topic', () => {
  it('over a limit, or not text, is named', () => {
    expect(malformedText('a\0b')).toMatch(/U\+0000/);
    expect(malformedText('a\uFFFDb')).toMatch(/UTF-8/);
    expect(malformedText('a/b')).toBeUndefined();
    expect(overLimit(`${'a'.repeat(256)}`)).toBeUndefined();
    expect(overLimit(`${'a'.repeat(257)}`)).toMatch(/256/);
    expect(overLimit(Array(16).fill('a').join('/'))).toBeUndefined();
    expect(overLimit(Array(17).fill('a').join('/'))).toMatch(/16/);
    for (const topic of ['', '/a', 'a/', 'a//b']) expect(overLimit(topic), topic).toMatch(/empty level/);
  });
});

describe('an identity', () => {
  it('has a name of the grammar that is no twin', () => {
    expect(refusedIdentityName('cam-1')).toBeUndefined();
    for (const name of ['', 'A', 'a/b', '#', '-a', 'a'.repeat(33), 'cam1-bulk', 'a\n'])
      expect(refusedIdentityName(name), name).toBeTypeOf('string');
  });

  it('owns by form its id, its twin and everything with its name before a dot', () => {
    for (const id of ['cam1', 'cam1-bulk', 'cam1.x', 'cam1-bulk.x']) expect(ownerByForm(id)).toBe('cam1');
    expect(ownerByForm('cam10')).toBe('cam10');
  });

  it('never gets an id that is by form another known one: no role, no id', () => {
    const roles = ['node', 'monitor', 'operator', 'reader', 'source', 'home-assistant', 'anonymous'] as const;
    const known = new Set(['cam1', 'alice', 'me']);
    fc.assert(
      fc.property(
        fc.constantFrom(...roles),
        fc.constantFrom('cam1', 'alice'),
        fc.string({ unit: fc.constantFrom('.', 'x', '-bulk', '-') }),
        (role, other, tail) => {
          const clientId = other + tail;
          fc.pre(ownerByForm(clientId) === other);
          const identity = { name: 'me', role };
          expect(
            refusedClientId({ clientId, identity, isKnown: (name) => known.has(name), holder: undefined }),
          ).toBeDefined();
        },
      ),
    );
  });
});
