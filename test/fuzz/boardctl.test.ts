import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INVOCATION, StandInBoard, UNIT } from '../deploy/stand-in-board.js';
import { HOSTILE_COMMANDS } from './hostile-commands.js';

// What a thief of the monitor's key can send: anything. The grammar is written here a second time, by other means.
const ID = '[a-z0-9][a-z0-9-]{0,31}';
const UNITS = `(vedette-edge@${ID}\\.service|vedette-broker\\.service)`;
const ALLOWED = new RegExp(
  `^(probe ${UNITS}|restart ${UNITS} ([0-9a-f]{32}|none)|reset-failed ${UNITS}|reboot [0-9a-f-]{36}` +
    `|maintenance off ${UNITS}|maintenance on ${UNITS} [1-9][0-9]{0,5} ${ID} [a-z0-9][a-z0-9-]{0,63})$`,
);
const SYSTEMCTL_CALLS = new RegExp(
  `^--no-ask-password (reset-failed -- ${UNITS}|--no-block restart -- ${UNITS}` +
    '|--no-block --job-mode=replace-irreversibly start reboot.target)$',
);

const RUNS = 150;
const AT_ONCE = 4;

let board: StandInBoard;
let before: string[];
beforeAll(() => {
  board = new StandInBoard();
  before = filesOf(board.root);
});
afterAll(() => board.remove());

function filesOf(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => join('/', path))
    .filter((path) => !/^\/(run|var\/lib)\/vedette-boardctl\//.test(path) && path !== '/calls')
    .sort();
}

async function check(line: string): Promise<void> {
  const { answer, lines, status } = await board.send(line);
  expect(status, line).toBe(0);
  expect(lines, line).toBe(1);
  if (!ALLOWED.test(line)) expect(answer.outcome, JSON.stringify(line)).toBe('refused');
}

async function checkAll(commands: readonly string[]): Promise<void> {
  for (let at = 0; at < commands.length; at += AT_ONCE) {
    await Promise.all(commands.slice(at, at + AT_ONCE).map(check));
  }
  expect(board.calls.filter((call) => call !== '' && !SYSTEMCTL_CALLS.test(call))).toEqual([]);
  expect(filesOf(board.root)).toEqual(before);
}

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('probe', 'restart', 'reset-failed', 'reboot', 'maintenance', 'on', 'off') },
  { weight: 6, arbitrary: fc.constantFrom(UNIT, 'vedette-broker.service', 'ssh.service', INVOCATION, 'none', '60') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(';', '&&', '|', '`id`', '$(touch canary)', '>canary', '\n', '\t', '*', '../'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll('\0', '')) },
);
const separator = fc.oneof(
  { weight: 8, arbitrary: fc.constant(' ') },
  { weight: 1, arbitrary: fc.constantFrom('', '  ', '\n', '\t', '\u00a0', '\r') },
);
const command = fc
  .array(fc.tuple(piece, separator), { minLength: 1, maxLength: 7 })
  .map((pieces) => pieces.map(([text, end], at) => (at === pieces.length - 1 ? text : text + end)).join(''));

describe('vedette-boardctl', () => {
  it('refuses every way round its grammar that we know of', async () => {
    await checkAll(HOSTILE_COMMANDS);
    expect(board.calls).toEqual([]);
  }, 300_000);

  it(`answers ${RUNS} made-up commands with one line each, and asks nothing else of systemd`, async () => {
    const seed = 20_261_125;
    await checkAll(fc.sample(command, { numRuns: RUNS, seed }));
  }, 600_000);
});
