import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuditBook, BOOK_LIMITS } from '../../../../edge/sharing/audits/audit-book.js';
import type { AuditFinding } from '../../../../edge/sharing/audits/audit-finding.js';
import { DOUBT_RULES, type JudgedResult, standingOf } from '../../../../edge/sharing/audits/audit-standing.js';
import type { AuditVerdict } from '../../../../edge/sharing/audits/audit-verdict.js';

const NAMES: Readonly<Record<string, AuditVerdict>> = { v: 'valid', d: 'disputed', i: 'inconclusive' };
const PAIRS = [
  ['cam2', 'cam3'],
  ['cam2', 'cam4'],
] as const;
/** `vvd`: two valid results, then a disputed one, by two pairs of auditors in turn; V, D: by the first of them. */
const results = (text: string, isByTwo = true): JudgedResult[] =>
  [...text].map((letter, i) => {
    const by = PAIRS[letter === letter.toLowerCase() ? i % 2 : 0] ?? PAIRS[0];
    const verdict = NAMES[letter.toLowerCase()] ?? 'valid';
    return { epoch: 'e', seq: i + 1, atMs: 1_000 * (i + 1), verdict, by, isByTwo };
  });

describe('the standing of a node', () => {
  it.each([
    ['', 0, 1, false],
    ['v'.repeat(9), 9, 1, false],
    ['v'.repeat(10), 10, 0.1, false],
    ['v'.repeat(200), 200, 0.01, false],
    [`${'v'.repeat(200)}d`, 0, 1, false],
    [`${'v'.repeat(200)}i`, 0, 1, false],
    ['dd', 0, 1, true],
    [`d${'v'.repeat(98)}d`, 0, 1, true],
    [`d${'v'.repeat(99)}d`, 0, 1, false],
    ['iiiiiiiiii', 0, 1, false],
  ])('%s', (text, validInRow, rate, isDoubted) => {
    expect(standingOf(results(text))).toMatchObject({ validInRow, rate, isDoubted });
  });

  it.each([
    ['two by one pair of several', 'vvvvDD', false],
    ['any number by one pair of several', 'vvDvvDvvDvvDvvDvvDvvDvv', false],
    ['those of the only pair while it has judged little', 'DDDDD', false],
    ['those of the only pair', 'VVVVDD', true],
    ['those of the only pair that is left', 'vvvvvVVDVVD', true],
    ['two of which one is older than the others left', 'DvvvVVVVVD', false],
  ])('with disputes: %s', (_, text, isDoubted) => {
    expect(standingOf(results(text)).isDoubted).toBe(isDoubted);
  });

  it('tells since when and on what grounds', () => {
    const standing = standingOf(results('vvdvvd'));
    expect(standing).toMatchObject({ sinceMs: 3_000, lastDisputed: { e: 'e', s: 6 }, valid: 4, disputed: 2 });
  });

  it('is cleared by ten valid results, a second time by twenty', () => {
    const once = `dd${'v'.repeat(10)}`;
    expect(standingOf(results(once.slice(0, -1))).isDoubted).toBe(true);
    expect(standingOf(results(once)).isDoubted).toBe(false);
    const again = `${once}dd`;
    expect(standingOf(results(`${again}${'v'.repeat(19)}`)).isDoubted).toBe(true);
    expect(standingOf(results(`${again}${'v'.repeat(20)}`)).isDoubted).toBe(false);
    expect(standingOf(results(`${'dd'.repeat(1)}${'v'.repeat(200)}`)).isDoubted).toBe(false);
  });

  it('is not changed by what one auditor says alone, which only makes audits rarer', () => {
    const alone = results('v'.repeat(200), false);
    const [first, second] = results('dd');
    if (first === undefined || second === undefined) throw new Error('two results');
    expect(standingOf([first, ...alone, second]).isDoubted).toBe(true);
    expect(standingOf([first, second, ...alone])).toMatchObject({ isDoubted: true, validInRow: 200, rate: 0.01 });
  });

  it('needs at most so many valid ones, however often it was doubted', () => {
    const often = Array.from({ length: 8 }, () => `dd${'v'.repeat(DOUBT_RULES.clearedByMax)}`).join('');
    expect(standingOf(results(often)).isDoubted).toBe(false);
  });
});

const MODEL = 'a'.repeat(64);
const finding = (author: string, s: number, verdict: AuditVerdict, more: Partial<AuditFinding> = {}): AuditFinding => ({
  author,
  of: { n: 'cam1', e: 'e1', s },
  model: MODEL,
  by: ['cam2', 'cam3'],
  verdict,
  atMs: 1_000 + s,
  recordedMs: 5_000 + s,
  ...more,
});
/** By two pairs in turn. */
const both = (s: number, verdict: AuditVerdict, more: Partial<AuditFinding> = {}) => {
  const by = PAIRS[s % 2] ?? PAIRS[0];
  return by.map((author) => finding(author, s, verdict, { by, ...more }));
};
const bookOf = (findings: readonly AuditFinding[]) => {
  const book = new AuditBook();
  for (const one of findings) book.apply(one);
  return book;
};

describe('what all auditors found', () => {
  const history = [
    ...both(1, 'valid'),
    ...both(2, 'disputed'),
    finding('cam2', 3, 'valid'),
    finding('cam3', 4, 'disputed'),
    ...both(5, 'inconclusive'),
    finding('cam2', 6, 'disputed'),
    finding('cam3', 6, 'valid'),
    ...both(7, 'disputed'),
    ...both(3, 'valid', { of: { n: 'cam1', e: 'e2', s: 3 }, recordedMs: 9_000 }),
  ];

  it('gives the same standing in whatever order and however often it is heard', () => {
    const expected = bookOf(history);
    const shuffled = fc
      .shuffledSubarray(history, { minLength: history.length })
      .chain((all) => fc.tuple(fc.constant(all), fc.subarray(history)));
    fc.assert(
      fc.property(shuffled, ([all, again]) => {
        const book = bookOf([...all, ...again]);
        expect(book.standingOf('cam1', MODEL)).toEqual(expected.standingOf('cam1', MODEL));
        expect(book.doubts()).toEqual(expected.doubts());
      }),
    );
    expect(expected.doubts()).toEqual([
      { node: 'cam1', model: MODEL, sinceMs: 1_002, disputed: 2, valid: 1, last: { e: 'e1', s: 7 } },
    ]);
  });

  it('is the same asked after each of them and at the end', () => {
    const asked = new AuditBook();
    for (const [i, one] of history.entries()) {
      asked.apply(one);
      const fresh = bookOf(history.slice(0, i + 1));
      expect(asked.standingOf('cam1', MODEL)).toEqual(fresh.standingOf('cam1', MODEL));
    }
  });

  it('is not moved by a third who says that it was asked, whenever that is heard', () => {
    const real = [...both(1, 'disputed'), ...both(2, 'disputed'), ...both(3, 'valid')];
    const lies = [1, 2, 3].map((s) =>
      finding('cam9', s, s === 3 ? 'disputed' : 'valid', { by: ['cam9', 'cam2'], atMs: 0 }),
    );
    const expected = bookOf(real).standingOf('cam1', MODEL);
    expect(expected).toMatchObject({ isDoubted: true, sinceMs: 1_001, valid: 1, disputed: 2 });
    fc.assert(
      fc.property(fc.shuffledSubarray([...real, ...lies], { minLength: 9 }), (all) => {
        expect(bookOf(all).standingOf('cam1', MODEL)).toEqual(expected);
      }),
    );
  });

  it('has the earlier time where two auditors of a result tell different ones', () => {
    const [one, other] = both(1, 'disputed');
    if (one === undefined || other === undefined) throw new Error('two findings');
    const told = [{ ...one, atMs: 500 }, other];
    const rest = both(2, 'disputed');
    for (const findings of [
      [...told, ...rest],
      [...rest, ...told.reverse()],
    ]) {
      expect(bookOf(findings).standingOf('cam1', MODEL).sinceMs).toBe(500);
    }
  });

  it('knows of which audits an auditor has a record', () => {
    const book = bookOf([finding('cam2', 1, 'valid')]);
    const of = { n: 'cam1', e: 'e1', s: 1 };
    expect(book.has('cam2', of, MODEL)).toBe(true);
    expect(book.has('cam3', of, MODEL)).toBe(false);
    expect(book.has('cam2', { ...of, s: 2 }, MODEL)).toBe(false);
  });

  it('is of a node and a model: another model begins anew', () => {
    const book = bookOf([...both(1, 'disputed'), ...both(2, 'disputed')]);
    expect(book.standingOf('cam1', MODEL).isDoubted).toBe(true);
    expect(book.standingOf('cam1', 'b'.repeat(64))).toMatchObject({ isDoubted: false, rate: 1 });
    expect(book.standingOf('cam9', MODEL)).toMatchObject({ isDoubted: false, rate: 1 });
  });

  it('is not taken from who was not asked, nor from the worker itself', () => {
    const book = bookOf([
      finding('cam9', 1, 'disputed'),
      finding('cam1', 1, 'disputed', { by: ['cam1', 'cam2'] }),
      finding('cam2', 1, 'disputed', { by: ['cam2', 'cam2'] }),
    ]);
    expect(book.standingOf('cam1', MODEL)).toMatchObject({ disputed: 0, valid: 0 });
    expect(book.counters.get('findings-foreign')).toBe(3);
  });

  it('puts epochs in the order in which their results were judged, though a clock jumps', () => {
    const late = (s: number, verdict: AuditVerdict) =>
      both(s, verdict, { of: { n: 'cam1', e: 'a-later-one', s }, atMs: 1, recordedMs: 90_000 });
    const book = bookOf([...late(1, 'valid'), ...both(1, 'disputed'), ...both(2, 'disputed'), ...late(2, 'valid')]);
    expect(book.standingOf('cam1', MODEL)).toMatchObject({ validInRow: 2, isDoubted: true });
  });

  it('keeps the newest of an epoch, and a bounded number of epochs, models and nodes', () => {
    const many = Array.from({ length: BOOK_LIMITS.resultsPerEpoch + 50 }, (_, i) => both(i + 1, 'valid')).flat();
    expect(bookOf(many).standingOf('cam1', MODEL).valid).toBe(BOOK_LIMITS.resultsPerEpoch);
    const nodes = Array.from({ length: BOOK_LIMITS.nodes + 1 }, (_, i) =>
      finding('cam2', 1, 'valid', { of: { n: `n${i}`, e: 'e', s: 1 } }),
    );
    expect(bookOf(nodes).counters.get('findings-dropped')).toBe(1);
    const epochs = Array.from({ length: BOOK_LIMITS.epochs + 4 }, (_, i) =>
      finding('cam2', 1, 'valid', { of: { n: 'cam1', e: `e${i}`, s: 1 }, recordedMs: i }),
    );
    expect(bookOf(epochs).standingOf('cam1', MODEL).valid).toBe(BOOK_LIMITS.epochs);
  });

  it('keeps so many results of all nodes together: who was found about longest ago makes room', () => {
    const book = new AuditBook();
    const count = BOOK_LIMITS.results / BOOK_LIMITS.resultsPerEpoch;
    for (let node = 0; node <= count; node++) {
      for (let s = 1; s <= BOOK_LIMITS.resultsPerEpoch; s++) {
        book.apply(finding('cam2', s, 'valid', { of: { n: `n${node}`, e: 'e', s } }));
      }
    }
    expect(book.counters.get('nodes-forgotten')).toBe(1);
    expect(book.standingOf('n0', MODEL).valid).toBe(0);
    expect(book.standingOf('n1', MODEL).valid).toBe(BOOK_LIMITS.resultsPerEpoch);
    expect(book.standingOf(`n${count}`, MODEL).valid).toBe(BOOK_LIMITS.resultsPerEpoch);
  });
});
