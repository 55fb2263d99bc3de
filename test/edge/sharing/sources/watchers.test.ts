import { describe, expect, it } from 'vitest';
import type { Peer } from '../../../../edge/sharing/peer-book.js';
import { Watchers } from '../../../../edge/sharing/sources/watchers.js';
import { Claims } from '../../../../protocol/sharing.js';

const MODEL = { id: 'm', sha256: 'a'.repeat(64) };
const CLAIMS = Claims.parse({
  ...{ v: 1, site: 'home', state: 'active', beatMs: 1_000, model: MODEL, capacityFps: 10, spareFps: 5 },
  ...{ shares: { sources: true, offers: true, audits: true }, sources: [], heard: [], doubts: [] },
});
const doubts = (...nodes: string[]) =>
  nodes.map((node) => ({
    ...{ node, model: MODEL.sha256, sinceMs: 1, disputed: 2, valid: 0 },
    last: { e: 'abcdefghijkl', s: 1 },
  }));
const peer = (node: string, more: Partial<Claims> = {}, isActive = true): Peer => ({
  ...{ node, isActive, claims: { ...CLAIMS, ...more } },
});

describe('who watches sources', () => {
  const self = { node: 'me', claims: CLAIMS };

  it('are the others that are alive and share them; without a model they leave', () => {
    const shares = { ...CLAIMS.shares, sources: false };
    const peers = [peer('a'), peer('b', { model: null }), peer('c', { shares }), peer('d', {}, false)];
    expect(new Watchers().of(peers, self).others.map(({ node, state }) => [node, state])).toEqual([
      ['a', 'active'],
      ['b', 'leaving'],
    ]);
  });

  it('own what they claim as owners, not what they are next for', () => {
    const sources = [
      { source: 'yard', as: 'owner' as const },
      { source: 'gate', as: 'standby' as const },
    ];
    const [a] = new Watchers().of([peer('a', { sources, heard: ['gate'] })], self).others;
    expect(a).toMatchObject({ owns: ['yard'], heard: ['gate'], spareFps: 5 });
  });

  it('is the same object as long as it says nothing new, and no other', () => {
    const watchers = new Watchers();
    const owner = { sources: [{ source: 'yard', as: 'owner' as const }], heard: ['yard'] };
    const told = (more: Partial<Claims> = {}) =>
      watchers.of([peer('a', { ...owner, ...more }), peer('b')], self).others[0];
    const first = told();
    expect(told({ spareFps: 5.5, heard: ['yard'], capacityFps: 11 })).toBe(first);
    for (const more of [
      { spareFps: 0 },
      { state: 'leaving' as const },
      { heard: [] },
      { sources: [] },
      { model: null },
    ]) {
      const now = told(more);
      expect(now).not.toBe(first);
      expect(told(more)).toBe(now);
      expect(told()).toEqual(first);
    }
    expect(watchers.of([peer('b')], self).others.map(({ node }) => node)).toEqual(['b']);
  });

  it('is doubted as the whole fleet says, this node with it, and nobody by one word', () => {
    const peers = [peer('a', { doubts: doubts('c', 'me') }), peer('b', { doubts: doubts('me') }), peer('c')];
    const doubtedOf = (claims: Claims) => {
      const { others, isDoubted } = new Watchers().of(peers, { node: 'me', claims });
      return [...others.filter((other) => other.isDoubted).map(({ node }) => node), ...(isDoubted ? ['me'] : [])];
    };
    expect(doubtedOf(CLAIMS)).toEqual(['me']);
    expect(doubtedOf({ ...CLAIMS, doubts: doubts('c') })).toEqual(['c', 'me']);
  });
});
