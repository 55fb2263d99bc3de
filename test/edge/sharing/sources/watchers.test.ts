import { describe, expect, it } from 'vitest';
import { watchersOf } from '../../../../edge/sharing/sources/watchers.js';
import { Claims } from '../../../../protocol/sharing.js';

const CLAIMS = Claims.parse({
  ...{ v: 1, site: 'home', state: 'active', beatMs: 1_000, capacityFps: 10, spareFps: 5, heard: ['gate'], doubts: [] },
  ...{ model: { id: 'm', sha256: '0'.repeat(64) }, shares: { sources: true, offers: false, audits: true } },
  sources: [
    { source: 'yard', as: 'owner' },
    { source: 'gate', as: 'standby' },
  ],
});
const ME = { node: 'cam1', claims: CLAIMS };

describe('the others that watch sources', () => {
  it('own what they claim as owners, not what they are next for', () => {
    const peers = [{ node: 'cam2', claims: CLAIMS, isActive: true }];
    expect(watchersOf(peers, ME).others).toEqual([
      { node: 'cam2', state: 'active', spareFps: 5, owns: ['yard'], heard: ['gate'], isDoubted: false },
    ]);
  });

  it('are those who are there and share sources', () => {
    const shares = { ...CLAIMS.shares, sources: false };
    const peers = [
      { node: 'cam2', claims: CLAIMS, isActive: false },
      { node: 'cam3', claims: { ...CLAIMS, shares }, isActive: true },
    ];
    expect(watchersOf(peers, ME).others).toEqual([]);
  });

  it('give way while they have no model', () => {
    const peers = [{ node: 'cam2', claims: { ...CLAIMS, model: null }, isActive: true }];
    expect(watchersOf(peers, ME).others[0]).toMatchObject({ state: 'leaving', owns: ['yard'] });
  });
});
