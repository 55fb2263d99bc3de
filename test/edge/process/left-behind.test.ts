import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { endLeftBehind, LIFE_VARIABLE } from '../../../edge/process/left-behind.js';
import { eventually } from '../../eventually.js';
import { isAlive } from '../../system/demo-run.js';

const programs: ChildProcess[] = [];

afterEach(() => {
  for (const program of programs.splice(0)) program.kill('SIGKILL');
});

/** A program that neither reads nor writes. @param mark of the life it belongs to. */
function silent(mark: string): number {
  const program = spawn('sleep', ['600'], { stdio: 'ignore', env: { ...process.env, [LIFE_VARIABLE]: mark } });
  programs.push(program);
  return program.pid ?? 0;
}

describe.skipIf(process.platform !== 'linux')('endLeftBehind', () => {
  it('ends all that carries the mark, and nothing that carries another', async () => {
    const mark = `${process.pid}-1`;
    const [left, also, other] = [silent(mark), silent(mark), silent(`${process.pid}-12`)];
    const ended = await endLeftBehind(mark);
    expect(ended.toSorted()).toEqual([left, also].toSorted());
    await eventually(() => !isAlive(left) && !isAlive(also), 'they are gone');
    expect(isAlive(other)).toBe(true);
    expect(await endLeftBehind(mark)).toEqual([]);
  });
});
