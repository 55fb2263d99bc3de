import { expect, test } from 'vitest';
import { readNumber, readScriptCall } from './script-options.js';

const WORDS = { call: 'npm run soak', about: 'A node, left alone.' };
const OPTIONS = {
  minutes: { type: 'string', default: '60' },
  plots: { type: 'string' },
  json: { type: 'boolean' },
} as const;
const read = (...args: string[]) => readScriptCall(args, WORDS, OPTIONS);

test('options come as values, with their defaults', () => {
  const call = read('--json');
  expect(call.kind === 'values' && { ...call.values }).toEqual({ minutes: '60', json: true });
});

test('--help tells the call, what it is for, and every option with its default', () => {
  for (const word of ['--help', '-h']) {
    const call = read('--nope', word);
    const text = call.kind === 'help' ? call.text : '';
    expect(text).toContain('Usage: npm run soak -- [options]');
    expect(text).toContain('A node, left alone.');
    expect(text).toMatch(/--minutes <value> +default: 60/);
    expect(text).toContain('--json\n');
  }
});

test('a wrong call is told in one line that names what is allowed', () => {
  for (const args of [['--nope', '3'], ['--minutes'], ['--minutes', '--json'], ['stray'], ['--json=1']]) {
    const call = read(...args);
    const line = call.kind === 'wrong' ? call.line : '';
    expect(line).toContain('allowed: --minutes, --plots, --json, --help');
    expect(line).not.toContain('\n');
    expect(line).toContain(args[0]?.replace('=1', '') ?? '');
  }
});

test('a number is one within its bounds, or nothing', () => {
  expect(readNumber('2.5', 1, 10)).toBe(2.5);
  for (const text of ['', ' ', 'x', '0', '11', 'Infinity', 'NaN']) expect(readNumber(text, 1, 10)).toBeUndefined();
});
