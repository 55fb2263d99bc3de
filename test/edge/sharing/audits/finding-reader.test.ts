import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../../base/clock.js';
import { silentLog } from '../../../../base/log.js';
import type { HeldLog, LogReader, LogSlice, SegmentFile } from '../../../../edge/query/log-reader.js';
import { sealSegment } from '../../../../edge/records/segment.js';
import type { AuditFinding } from '../../../../edge/sharing/audits/audit-finding.js';
import { FindingReader } from '../../../../edge/sharing/audits/finding-reader.js';

const EPOCH = 'abcdefghijkl';
const folder = mkdtempSync(join(tmpdir(), 'vedette-findings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const track = (s: number) => JSON.stringify({ s, t: 1_000 + s, k: 'track', l: 'audit' });
const audit = (s: number, more: object = {}) =>
  JSON.stringify({
    ...{ s, t: 1_000 + s, k: 'audit', of: { n: 'cam1', e: EPOCH, s: 7 }, m: 'a'.repeat(64), by: ['cam2', 'cam3'] },
    ...{ v: 'valid', c: 'front', j: '0123456789abcdef', at: 900 },
    ...more,
  });

/** One log of another node: closed segments in files, the rest as lines. */
class OneLog implements LogReader {
  first = 1;
  lines: string[] = [];
  segments: SegmentFile[] = [];
  slices = 0;

  logs(): HeldLog[] {
    const closed = this.segments.reduce((sum, { count }) => sum + count, 0);
    return [{ node: 'cam2', epoch: EPOCH, first: this.first, frontier: closed + this.lines.length }];
  }

  slice(node: string, epoch: string, from: number, to: number): LogSlice {
    this.slices++;
    const closed = this.segments.reduce((sum, { count }) => sum + count, 0);
    const lines = this.lines.map((text, i) => ({ s: closed + i + 1, text })).filter(({ s }) => s >= from && s <= to);
    const segments = this.segments.filter(({ first, count }) => first <= to && first + count > from);
    return { node, epoch, from, to, segments, lines };
  }

  isForgotten = () => false;
  catchUp = async () => {};
  noteRot = async () => {};
  noteDoubt = () => {};
}

function readerOf(log: LogReader): { reader: FindingReader; found: AuditFinding[] } {
  const found: AuditFinding[] = [];
  const onFinding = (finding: AuditFinding) => found.push(finding);
  return { reader: new FindingReader({ logs: () => log, onFinding, clock: new SystemClock(), log: silentLog }), found };
}

describe('findings in the logs held here', () => {
  it('are the audit records, each told once, with who recorded them', async () => {
    const log = new OneLog();
    log.lines = [track(1), audit(2), track(3), audit(4, { v: 'nonsense' })];
    const { reader, found } = readerOf(log);
    await reader.look();
    log.lines.push(audit(5, { v: 'disputed', why: 'stuck' }));
    await reader.look();
    await reader.look();
    expect(log.slices).toBe(2);
    expect(found).toMatchObject([
      { author: 'cam2', of: { n: 'cam1', e: EPOCH, s: 7 }, verdict: 'valid', atMs: 900, recordedMs: 1_002 },
      { author: 'cam2', verdict: 'disputed', recordedMs: 1_005 },
    ]);
  });

  it('are found behind lines that are none, and in the logs behind one that cannot be read', async () => {
    const log = new OneLog();
    log.lines = ['{"k":"audit"', audit(2)];
    const { reader, found } = readerOf(log);
    const broken: HeldLog = { node: 'cam1', epoch: EPOCH, first: 1, frontier: 9 };
    const [whole] = log.logs();
    log.logs = () => (whole === undefined ? [] : [broken, whole]);
    const slice = log.slice.bind(log);
    log.slice = (node, ...range) => {
      if (node === 'cam1') throw new Error('gone');
      return slice(node, ...range);
    };
    await reader.look();
    expect(found.map(({ recordedMs }) => recordedMs)).toEqual([1_002]);
  });

  it('are found in closed segments, too; one that is rotten costs its own only', async () => {
    const log = new OneLog();
    const head = { v: 1, n: 'cam2', e: EPOCH, count: 2, t0: 1, t1: 2, prev: '' };
    for (const [i, records] of [
      [audit(1), track(2)],
      [track(3), audit(4)],
      [audit(5), track(6)],
    ].entries()) {
      const { gz, meta } = await sealSegment({ ...head, seg: i, first: 1 + 2 * i }, records);
      const path = join(folder, `${i}.gz`);
      writeFileSync(path, i === 1 ? gz.subarray(0, 20) : gz);
      log.segments.push({ ...meta, path });
    }
    log.lines = [audit(7)];
    const { reader, found } = readerOf(log);
    await reader.look();
    expect(found.map(({ recordedMs }) => recordedMs)).toEqual([1_001, 1_005, 1_007]);
  });

  it('of a long log are looked for from the newest sixteen thousand on, in steps', async () => {
    const log = new OneLog();
    log.lines = Array.from({ length: 20_000 }, (_, i) => (i === 100 || i === 19_999 ? audit(i + 1) : track(i + 1)));
    const { reader, found } = readerOf(log);
    await reader.look();
    expect(found).toEqual([]);
    for (let i = 0; i < 20; i++) await reader.look();
    expect(found.map(({ recordedMs }) => recordedMs)).toEqual([21_000]);
  });
});
