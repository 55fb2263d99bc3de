import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../base/clock.js';
import { ProgressBar, renderProgress } from '../../base/terminal/progress-bar.js';
import { renderTable, widthOf } from '../../base/terminal/table.js';
import { printable, Terminal } from '../../base/terminal/terminal.js';

/** A terminal that keeps what was written. */
function openRecorded(isTTY: boolean, env: Record<string, string> = {}, columns = 80) {
  const written: string[] = [];
  const stream = { isTTY, columns, write: (text: unknown) => written.push(String(text)) > 0 };
  return { terminal: new Terminal(stream, env), written };
}

describe('a terminal', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('of which isTTY is %s, with %o, has colours: %s', (isTTY, env, expected) => {
    const { terminal } = openRecorded(isTTY, env);
    expect(terminal.paint('red', 'x')).toBe(expected ? '\u001b[31mx\u001b[0m' : 'x');
  });

  it('is 80 columns wide where nothing better is known, as on a serial line that says 0', () => {
    expect(openRecorded(true, {}, 0).terminal.columns).toBe(80);
    expect(openRecorded(true, {}, 132).terminal.columns).toBe(132);
    expect(new Terminal({ write: () => true }, {}).columns).toBe(80);
  });

  it('gets no control character of any text from outside', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is left is the claim.
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
      }),
    );
    expect(printable('a\u001b[2Jb\u202ec')).toBe('a\ufffd[2Jb\ufffdc');
    expect(printable('Tür 門 🚪')).toBe('Tür 門 🚪');
  });
});

describe('a table', () => {
  const { terminal } = openRecorded(false);
  const columns = [
    { title: 'name', cell: (row: readonly [string, string]) => row[0] },
    { title: 'n', align: 'right', cell: (row: readonly [string, string]) => row[1] },
  ] as const;

  it('aligns columns, and ends no line in blanks', () => {
    const rows = [
      ['front', '7'],
      ['yard', '123'],
    ] as const;
    expect(renderTable(terminal, columns, rows)).toBe('name     n\n-----  ---\nfront    7\nyard   123\n');
  });

  it('keeps one line per row whatever the cells hold', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string())), (rows) => {
        expect(renderTable(terminal, columns, rows).split('\n')).toHaveLength(rows.length + 3);
      }),
    );
  });

  it.each([
    ['abc', 3],
    ['門', 2],
    ['e\u0301', 1],
    ['🚪', 2],
    ['', 0],
  ])('counts %o as %i columns', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });
});

describe('a progress bar', () => {
  it('writes nothing where no person is looking', () => {
    const { terminal, written } = openRecorded(false);
    const bar = new ProgressBar(terminal, new SimulatedClock(), 'x');
    bar.update({ done: 5, total: 10 });
    bar.end();
    expect(written).toEqual([]);
  });

  it('redraws ten times a second at most, and always its end', async () => {
    const { terminal, written } = openRecorded(true);
    const clock = new SimulatedClock();
    const bar = new ProgressBar(terminal, clock, 'x');
    for (let done = 0; done <= 100; done++) {
      bar.update({ done, total: 100 });
      await clock.advance(10);
    }
    bar.end();
    expect(written.length).toBeGreaterThan(9);
    expect(written.length).toBeLessThan(14);
    expect(written.at(-2)).toContain('100 %');
    expect(written.at(-1)).toBe('\n');
  });

  it.each([
    [{ done: 0, total: 4e6 }, '[                                        ]    0 %  0.0 MB of 4.0 MB'],
    [{ done: 2e6, total: 4e6 }, '50 %  2.0 MB of 4.0 MB  1.0 MB/s'],
    [{ done: 4e6, total: 4e6 }, '[========================================]  100 %'],
    [{ done: 2e6, total: undefined }, 'm  2.0 MB  1.0 MB/s'],
    [{ done: 2e6, total: 4e6, note: 'again soon' }, 'again soon'],
  ])('shows %o', (progress, expected) => {
    expect(renderProgress('m', progress, { perSecond: 1e6, unit: 'bytes', columns: 100 })).toContain(expected);
  });

  it('is never wider than the window', () => {
    const progress = fc.record({
      done: fc.nat(1e9),
      total: fc.option(fc.nat(1e9), { nil: undefined }),
      note: fc.string({ maxLength: 50 }),
    });
    fc.assert(
      fc.property(progress, fc.string({ maxLength: 60 }), fc.integer({ min: 1, max: 200 }), (value, title, columns) => {
        expect(renderProgress(title, value, { perSecond: 1, unit: 'count', columns }).length).toBeLessThan(columns);
      }),
    );
  });
});
