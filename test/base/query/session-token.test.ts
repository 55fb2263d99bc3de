import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionToken, TOKEN_LOGS_MAX } from '../../../base/query/session-token.js';

const positions = fc.uniqueArray(
  fc.record({
    node: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/),
    epoch: fc.stringMatching(/^[a-z2-7]{12}$/),
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  }),
  { selector: ({ node, epoch }) => `${node}/${epoch}`, maxLength: 50 },
);

describe('SessionToken', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(positions, (seen) => {
        expect(SessionToken.decode(new SessionToken(seen).encode()).positions()).toEqual(seen);
      }),
    );
  });

  it('never falls', () => {
    fc.assert(
      fc.property(positions, positions, (before, seen) => {
        const token = new SessionToken(before).advance(seen);
        for (const { node, epoch, seq } of [...before, ...seen]) {
          expect(token.seqOf(node, epoch)).toBeGreaterThanOrEqual(seq);
        }
      }),
    );
  });

  it('takes some ten bytes a log', () => {
    const epoch = (i: number) => `aaaaaaaaaa${'abcdefghij'.charAt(Math.floor(i / 10))}${'abcdefghij'.charAt(i % 10)}`;
    const seen = Array.from({ length: 100 }, (_, i) => ({
      node: `cam${Math.floor(i / 10)}`,
      epoch: epoch(i),
      seq: 50_000,
    }));
    expect(new SessionToken(seen).encode().length).toBeLessThan(1_600);
  });

  it('forgets what expired as a whole', () => {
    const token = new SessionToken([{ node: 'cam1', epoch: 'aaaaaaaaaaaa', seq: 5 }]);
    expect(token.advance([], new Set(['cam1/aaaaaaaaaaaa'])).size).toBe(0);
  });

  it('keeps the logs seen last when there are too many', () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz234567';
    const epoch = (i: number) => `aaaaaaaaa${[1024, 32, 1].map((unit) => letters[Math.floor(i / unit) % 32]).join('')}`;
    const seen = Array.from({ length: TOKEN_LOGS_MAX + 1 }, (_, i) => ({ node: 'cam1', epoch: epoch(i), seq: i + 1 }));
    const token = new SessionToken().advance(seen);
    expect(token.size).toBe(TOKEN_LOGS_MAX);
    expect([token.seqOf('cam1', epoch(0)), token.seqOf('cam1', epoch(TOKEN_LOGS_MAX))]).toEqual([
      0,
      TOKEN_LOGS_MAX + 1,
    ]);
  });

  it.each(['', 'x', '!!!!', 'AQ', 'AgRjYW0x', `AQ${'_'.repeat(40)}`])('refuses %j, or reads it as a token', (text) => {
    try {
      expect(SessionToken.decode(text).size).toBe(0);
    } catch (error) {
      expect(error).toMatchObject({ code: 'payload-invalid' });
    }
  });

  it('refuses a token that was cut short', () => {
    const text = new SessionToken([{ node: 'cam1', epoch: 'aaaaaaaaaaaa', seq: 500 }]).encode();
    expect(() => SessionToken.decode(text.slice(0, -4))).toThrow('cut off');
  });
});
