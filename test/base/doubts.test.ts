import { describe, expect, it } from 'vitest';
import { ClaimsHeard } from '../../base/claims-heard.js';
import { type Claimant, foldDoubts, standingOf } from '../../base/doubts.js';
import { Random } from '../../base/random.js';
import type { Claims, Doubt } from '../../protocol/sharing.js';

const MODEL = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

function doubt(node: string, more: Partial<Doubt> = {}): Doubt {
  return { node, model: MODEL, sinceMs: 1_000, disputed: 3, valid: 1, last: { e: 'e1', s: 7 }, ...more };
}

type Manners = {
  model?: string | undefined;
  isOnline?: boolean;
  state?: Claims['state'];
  audits?: boolean;
};

function claimant(
  node: string,
  doubts: Doubt[] = [],
  { isOnline = true, state = 'active', audits = true, model = undefined }: Manners = {},
): Claimant {
  return {
    node,
    isOnline,
    claims: { state, shares: { audits }, model: model === undefined ? null : { id: 'm', sha256: model }, doubts },
  };
}

const doubters = (names: readonly string[], node: string) => names.map((name) => claimant(name, [doubt(node)]));

describe('foldDoubts', () => {
  it.each([
    // others that doubt, others that do not, doubted
    [1, 0, false],
    [1, 1, false],
    [1, 9, false],
    [2, 0, true],
    [2, 1, true],
    [2, 2, false],
    [3, 2, true],
    [3, 3, false],
    [4, 3, true],
  ])('%i of them that doubt and %i that do not: doubted %s', (doubting, trusting, isDoubted) => {
    const against = doubters(
      Array.from({ length: doubting }, (_, i) => `a${i}`),
      'bad',
    );
    const others = Array.from({ length: trusting }, (_, i) => claimant(`z${i}`));
    const picture = foldDoubts([...others, claimant('bad'), ...against]);
    expect(picture.doubted.has('bad')).toBe(isDoubted);
    if (isDoubted) expect(picture.doubted.get('bad')).toMatchObject({ of: doubting + trusting });
    expect(picture.auditing).toHaveLength(doubting + trusting + 1);
  });

  it('counts nobody for or against himself', () => {
    const own = claimant('bad', [doubt('bad')]);
    expect(foldDoubts([own, ...doubters(['a'], 'bad')]).doubted.size).toBe(0);
    expect(foldDoubts([claimant('bad'), ...doubters(['a', 'b'], 'bad')]).doubted.get('bad')?.by).toEqual(['a', 'b']);
  });

  it('counts a node once, however often its claims name another one', () => {
    const loud = claimant('a', [doubt('bad'), doubt('bad'), doubt('bad')]);
    expect(foldDoubts([loud, claimant('b'), claimant('bad')]).doubted.size).toBe(0);
  });

  it.each([
    ['offline', { isOnline: false }],
    ['without audits', { audits: false }],
    ['leaving', { state: 'leaving' }],
  ] as const)('does not count who is %s, on either side', (_why, manners) => {
    const absent = claimant('b', [doubt('bad')], manners);
    expect(foldDoubts([absent, ...doubters(['a'], 'bad'), claimant('bad')]).doubted.size).toBe(0);
    const silent = ['x', 'y', 'z'].map((node) => claimant(node, [], manners));
    expect(foldDoubts([...silent, ...doubters(['a', 'b'], 'bad')]).doubted.get('bad')).toMatchObject({ of: 2 });
  });

  it('does not add up doubts of different models', () => {
    const mixed = [claimant('a', [doubt('bad')]), claimant('b', [doubt('bad', { model: OTHER })])];
    expect(foldDoubts(mixed).doubted.size).toBe(0);
  });

  it.each([
    ['the model it runs', MODEL, true],
    ['another one', OTHER, false],
    ['one it does not name', undefined, true],
  ])('doubts a node for %s', (_what, model, isDoubted) => {
    const said = [...doubters(['a', 'b'], 'bad'), claimant('bad', [], { model, isOnline: false, audits: false })];
    const picture = foldDoubts(said);
    expect(picture.doubted.has('bad')).toBe(isDoubted);
    expect(picture.past.map(({ node }) => node)).toEqual(isDoubted ? [] : ['bad']);
    expect(standingOf(picture, 'bad')).toBe(isDoubted ? 'doubted' : 'trusted');
  });

  it('takes the earliest time that enough of them bear out', () => {
    const times = [0, 5_000, 6_000, 9_000].map((sinceMs, i) => claimant(`a${i}`, [doubt('bad', { sinceMs })]));
    // Of four, three decide.
    expect(foldDoubts(times).doubted.get('bad')?.sinceMs).toBe(6_000);
  });

  it('tells medians of the counts and the last record that most of them name', () => {
    const said = [
      doubt('bad', { disputed: 9_999, valid: 0, last: { e: 'e9', s: 1 } }),
      doubt('bad', { disputed: 4, valid: 2, last: { e: 'e1', s: 8 } }),
      doubt('bad', { disputed: 5, valid: 1, last: { e: 'e1', s: 8 } }),
    ].map((one, i) => claimant(`a${i}`, [one]));
    expect(foldDoubts(said).doubted.get('bad')).toMatchObject({ disputed: 5, valid: 1, last: { e: 'e1', s: 8 } });
  });

  it('gives the same whatever the order of the claims, and is never moved by one claim alone', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = new Random(`doubts/${seed}`);
      const names = Array.from({ length: 1 + random.int(7) }, (_, i) => `n${i}`);
      const claims = names.map((node) => {
        const doubts = names
          .filter(() => random.chance(0.4))
          .map((other) => doubt(other, { model: random.pick([MODEL, OTHER]), sinceMs: random.int(5) }));
        return claimant(node, doubts, { isOnline: random.chance(0.9), audits: random.chance(0.9) });
      });
      const picture = foldDoubts(claims);
      const shuffled = [...claims].sort(() => random.next() - 0.5);
      expect(foldDoubts(shuffled), `seed ${seed}`).toEqual(picture);
      for (const [node, { by, of }] of picture.doubted) {
        expect(by.length >= 2 && by.length * 2 > of && !by.includes(node), `seed ${seed}: ${node}`).toBe(true);
      }
      // One liar against everybody, where nobody else doubts.
      const quiet = names.map((node) => claimant(node));
      const liar = claimant(
        'liar',
        names.map((node) => doubt(node)),
      );
      expect(foldDoubts([...quiet, liar]).doubted.size, `seed ${seed}`).toBe(0);
    }
  });
});

describe('standingOf', () => {
  it('tells trust only where two others are there to tell', () => {
    expect(standingOf(foldDoubts([claimant('bad'), claimant('a')]), 'bad')).toBe('unknown');
    expect(standingOf(foldDoubts([claimant('bad'), claimant('a'), claimant('b')]), 'bad')).toBe('trusted');
    expect(standingOf(foldDoubts(doubters(['a', 'b'], 'bad')), 'bad')).toBe('doubted');
    expect(standingOf(foldDoubts([]), 'bad')).toBe('unknown');
  });
});

describe('ClaimsHeard', () => {
  const says = (doubts: Doubt[]) => claimant('x', doubts).claims;

  it('follows claims and statuses, in whatever order they come', () => {
    const heard = new ClaimsHeard();
    expect(heard.picture().auditing).toEqual([]);
    heard.applyClaims('a', says([doubt('bad')]));
    heard.applyClaims('b', says([doubt('bad')]));
    expect(heard.picture().doubted.size).toBe(0);
    heard.applyStatus('a', 'online');
    heard.applyStatus('b', 'online');
    expect([...heard.picture().doubted.keys()]).toEqual(['bad']);
    heard.applyStatus('b', 'lost');
    expect(standingOf(heard.picture(), 'bad')).toBe('unknown');
    heard.applyStatus('b', 'online');
    heard.applyClaims('b', undefined);
    expect(heard.picture().auditing).toEqual(['a']);
    heard.forget('a');
    expect(heard.picture().auditing).toEqual([]);
  });

  it('folds anew only when something changed', () => {
    const heard = new ClaimsHeard();
    heard.applyStatus('a', 'online');
    heard.applyClaims('a', says([]));
    const before = heard.picture();
    heard.applyStatus('a', 'online');
    heard.applyStatus('stranger', 'online');
    expect(heard.picture()).toBe(before);
  });

  it('takes in so many nodes and counts the rest', () => {
    const heard = new ClaimsHeard();
    for (let i = 0; i < 4_100; i++) heard.applyClaims(`n${i}`, says([]));
    expect(heard.refused).toBe(4);
  });
});
