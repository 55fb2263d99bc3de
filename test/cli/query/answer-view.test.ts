import { describe, expect, it } from 'vitest';
import type { QueryResult } from '../../../base/query/query-coordinator.js';
import { SessionToken } from '../../../base/query/session-token.js';
import { Terminal } from '../../../base/terminal/terminal.js';
import { answerForPrograms, renderAnswer, renderTrust } from '../../../cli/query/answer-view.js';
import { QuerySpec } from '../../../protocol/query.js';

const SPEC = QuerySpec.parse({ shape: 'count' });

function resultOf(more: Partial<QueryResult>): QueryResult {
  return {
    ...{ shape: 'count', count: 7, rows: [], bars: [], confidence: 'confirmed', complete: true, missing: [] },
    ...{ replicas: ['cam1', 'cam3'], absent: [], digests: [], lost: [], findings: [], cut: [], asOf: [] },
    token: new SessionToken(),
    ...more,
  };
}

const MENDED = resultOf({
  confidence: 'verified',
  replicas: ['cam1', 'cam2', 'cam3'],
  lost: ['cam2'],
  findings: [
    { node: 'cam2', segments: 12, rotten: 2, mended: 1 },
    { node: 'cam3', segments: 12, rotten: 0, mended: 0 },
  ],
});

describe('what an answer is worth', () => {
  it('says who read again, who said something else before, and what was rotten', () => {
    const [first, ...rest] = renderTrust(MENDED, 0, 80).trimEnd().split('\n');
    expect(first).toMatch(/^verified, read again from disk: cam1, cam2, cam3; complete;/);
    expect(rest).toEqual([
      '  cam2 read 12 segments again: 2 rotten, 1 of them mended',
      '  said something else at first: cam2',
    ]);
  });

  it('says the same to programs', () => {
    expect(answerForPrograms(MENDED, SPEC, 0, 80)).toMatchObject({
      confidence: 'verified',
      lost: ['cam2'],
      checked: MENDED.findings,
    });
  });

  it('does not speak of reading again where nobody had to', () => {
    expect(renderTrust(resultOf({}), 0, 80)).toBe('confirmed by cam1, cam3; complete; of no known age; 80 ms\n');
  });
});

describe('a list of alerts', () => {
  it('has the rule where tracks have their label, and the text', () => {
    const out = new Terminal({ write: () => true }, {});
    const r = {
      s: 3,
      t: 0,
      k: 'alert',
      r: 'too-hot',
      ev: 'raise',
      sev: 'warning',
      x: '31 °C\u001b[2J',
      v: { temperature: 31 },
    };
    const rows = [{ n: 'cam1', e: 'abcdefghijkl', r }];
    const lines = renderAnswer(out, resultOf({ shape: 'list', rows }), QuerySpec.parse({ shape: 'list' })).split('\n');
    expect(lines[2]).toMatch(/ cam1 +- +alert +raise +- +too-hot +- +- +31 °C\ufffd\[2J$/);
  });
});
