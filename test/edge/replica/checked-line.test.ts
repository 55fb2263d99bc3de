import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCheckedLines, sealedBytes, sealLine } from '../../../edge/replica/store/checked-line.js';

const LINES = ['one', 'zwei größer', '{"s":3}'];
const FILE = Buffer.from(LINES.map(sealLine).join(''));
const anyLine = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => !/[\n\r]/.test(text));

describe('lines with a checksum', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(anyLine), (lines) => {
        const file = Buffer.from(lines.map(sealLine).join(''));
        expect(readCheckedLines(file)).toEqual({ lines, damaged: [], tornBytes: 0 });
        expect(file.length).toBe(lines.reduce((sum, line) => sum + sealedBytes(line), 0));
      }),
    );
  });

  it('lose by a cut anywhere only what lies behind it, which is torn and not rot', () => {
    for (let cut = 0; cut <= FILE.length; cut++) {
      const { lines, damaged } = readCheckedLines(FILE.subarray(0, cut));
      expect(damaged).toEqual([]);
      expect(lines).toEqual(LINES.slice(0, lines.length));
      const wholeBytes = LINES.slice(0, lines.length).reduce((sum, line) => sum + sealedBytes(line), 0);
      const nextBytes = sealedBytes(LINES[lines.length] ?? '');
      expect(cut).toBeGreaterThanOrEqual(wholeBytes - 1);
      expect(cut).toBeLessThan(wholeBytes + nextBytes);
    }
  });

  it('lose at most one line by any flipped bit of any byte, and tell it', () => {
    for (let bit = 0; bit < FILE.length * 8; bit++) {
      const rotten = Buffer.from(FILE);
      const at = Math.floor(bit / 8);
      rotten[at] = (rotten[at] ?? 0) ^ (1 << (bit % 8));
      const { lines, damaged, tornBytes } = readCheckedLines(rotten);
      expect(damaged.length, `bit ${bit}`).toBeGreaterThan(0);
      expect(tornBytes).toBe(0);
      expect(lines.length).toBeGreaterThanOrEqual(2);
      for (const line of lines) expect(LINES).toContain(line);
    }
  });

  it('take a tail of zeros as torn', () => {
    const torn = Buffer.concat([FILE, Buffer.alloc(4_096)]);
    expect(readCheckedLines(torn)).toEqual({ lines: LINES, damaged: [], tornBytes: 4_096 });
  });
});
