import { expect, it } from 'vitest';
import { readAudit } from './board-audit.js';

const INV = 'a'.repeat(32);

it('reads carried out restarts, and nothing else, from the audit log of a board', () => {
  const entry = (line: string, outcome = 'restarted') =>
    JSON.stringify({ at: 5, from: '10.77.0.11', line, outcome, inv: 'b'.repeat(32), audit: 'written' });
  const text = [
    entry(`restart vedette-edge@cam2.service ${INV}`),
    entry(`restart vedette-edge@cam2.service ${INV}`, 'already-restarted'),
    entry(`restart vedette-broker.service none`),
    entry('reset-failed vedette-edge@cam2.service', 'ok'),
    '{"at":5,"from":"10.7',
    '',
  ].join('\n');
  expect(readAudit(text)).toEqual([
    { node: 'cam2', inv: INV, atMs: 5_999 },
    { node: 'broker', inv: '', atMs: 5_999 },
  ]);
});
