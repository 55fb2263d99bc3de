import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sameSightings } from '../../../base/query/same-sighting.js';
import type { QueryRow } from '../../../protocol/query.js';

const FRAME = '0123456789abcdef';

function row(n: string, s: number, more: Record<string, unknown> = {}): QueryRow {
  const track = { k: 'track', c: 'yard', ev: 'new', id: s, l: 'person', p: 900, b: [0, 0, 1, 1], src: 1, j: FRAME };
  return { n, e: `${n}epoch`.padEnd(12, 'a'), r: { s, t: 1_000, ...track, ...more } };
}

function repeats(rows: readonly QueryRow[]): string[] {
  return [...sameSightings(rows)].map(([{ n, r }, first]) => `${n}/${r.s} is ${first.node}/${first.s}`).sort();
}

describe('what two owners of a source tell of one frame', () => {
  it('is told once, by the first of them', () => {
    expect(repeats([row('cam2', 7), row('cam1', 9)])).toEqual(['cam2/7 is cam1/9']);
  });

  it('is not the same of another frame, source, event or label', () => {
    const others = [{ j: 'f'.repeat(16) }, { c: 'gate' }, { ev: 'update' }, { l: 'dog' }];
    for (const more of others) expect(repeats([row('cam1', 1), row('cam2', 1, more)])).toEqual([]);
  });

  it('is not looked for in records of own cameras, and of no frame', () => {
    expect(repeats([row('cam1', 1, { src: undefined }), row('cam2', 1, { src: undefined })])).toEqual([]);
    expect(repeats([row('cam1', 1, { j: undefined }), row('cam2', 1, { j: undefined })])).toEqual([]);
  });

  it('is as many as were seen by the other, where a frame shows several', () => {
    const rows = [row('cam1', 1), row('cam1', 2), row('cam2', 5), row('cam2', 6), row('cam2', 7)];
    expect(repeats(rows)).toEqual(['cam2/5 is cam1/1', 'cam2/6 is cam1/2']);
  });

  it('is the same in whatever order the rows came', () => {
    const rows = [row('cam1', 1), row('cam1', 2), row('cam2', 5), row('cam3', 6), row('cam3', 7, { l: 'dog' })];
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
        expect(repeats(shuffled)).toEqual(repeats(rows));
      }),
    );
  });
});
