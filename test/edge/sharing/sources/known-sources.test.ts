import { describe, expect, it } from 'vitest';
import { KnownSources } from '../../../../edge/sharing/sources/known-sources.js';

describe('known sources', () => {
  it('are new once', () => {
    const known = new KnownSources(10, 1_000);
    expect(known.heardFrame('yard', 0)).toBe(true);
    expect(known.heardFrame('yard', 10)).toBe(false);
    expect(known.announced('yard')).toBe(false);
    expect([known.has('yard', 5_000), known.has('gate', 0)]).toEqual([true, false]);
    known.withdrawn('yard');
    expect([known.has('yard', 1_009), known.has('yard', 1_010)]).toEqual([true, false]);
  });

  it('are forgotten when no frame was heard for long enough', () => {
    const known = new KnownSources(10, 1_000);
    known.heardFrame('yard', 0);
    expect(known.heard(999)).toEqual(['yard']);
    expect(known.heard(1_000)).toEqual([]);
  });

  it('are kept while their info is', () => {
    const known = new KnownSources(10, 1_000);
    known.announced('yard');
    expect([...known.all(1e9)]).toEqual(['yard']);
    known.withdrawn('yard');
    expect([...known.all(1e9)]).toEqual([]);
  });

  it('are announced anew by each broker: what it has not retained is withdrawn', () => {
    const known = new KnownSources(10, 1_000);
    known.announced('yard');
    known.heardFrame('gate', 0);
    known.renewed();
    expect([...known.all(0)]).toEqual(['gate']);
  });

  it('are at most so many; more are counted', () => {
    const known = new KnownSources(2, 1_000);
    for (const source of ['a', 'b', 'c', 'a']) known.heardFrame(source, 0);
    known.announced('d');
    known.announced('b');
    expect([...known.all(0)].sort()).toEqual(['a', 'b']);
    expect(known.refused).toBe(2);
    // What is forgotten makes room.
    expect([...known.all(1_000)]).toEqual(['b']);
    expect(known.announced('d')).toBe(true);
  });
});
