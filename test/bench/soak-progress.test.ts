import { expect, test } from 'vitest';
import { SoakProgress, soakLine } from './soak-progress.js';

const STATE = { memoryMiB: { node: 87.4, vision: 139 }, records: 1204 };
const MINUTE_MS = 60_000;

function written(isTTY: boolean, minutes: readonly number[]): string {
  const texts: string[] = [];
  const progress = new SoakProgress(60, { isTTY, write: (text: string) => texts.push(text) });
  for (const minute of minutes) progress.tell(minute * MINUTE_MS, STATE);
  progress.end();
  return texts.join('');
}

test('a line says how far a soak is and what it has', () => {
  expect(soakLine(12.5 * MINUTE_MS, 60, STATE)).toBe('12.5 of 60 min: node 87 MiB, vision 139 MiB, 1204 records');
});

test('on a terminal the line is drawn anew each time', () => {
  expect(written(true, [1, 2]).split('\r')).toHaveLength(3);
});

test('elsewhere a line comes every five minutes', () => {
  const lines = written(false, [1, 4, 5, 6, 9, 10, 14]).trimEnd().split('\n');
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['5.0', '10.0']);
});
