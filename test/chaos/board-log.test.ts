import { expect, it } from 'vitest';
import { readBoardLog } from './board-log.js';

const UNIT = 'vedette-edge@cam1.service';
const INV = 'a'.repeat(32);

it('reads carried out restarts and failures, and nothing else, from the log of a board', () => {
  const order = (outcome: string, line = `restart ${UNIT} ${INV}`) =>
    JSON.stringify({ level: 30, time: 2, name: 'board', line, outcome, msg: 'order' });
  const text = [
    JSON.stringify({ level: 40, time: 1, name: 'board', active: 'failed', result: 'signal', msg: 'service ended' }),
    JSON.stringify({ level: 40, time: 1, name: 'board', active: 'inactive', result: 'success', msg: 'service ended' }),
    order('restarted'),
    order('already-restarted'),
    order('restarted', 'restart everything'),
    '{"level":30,"time":3,"msg":"cut off in the mid',
    'not JSON at all',
    '',
  ].join('\n');
  expect(readBoardLog('cam1', text)).toEqual({
    restarts: [{ node: 'cam1', inv: INV, atMs: 2 }],
    failures: [{ node: 'cam1', atMs: 1 }],
  });
});
