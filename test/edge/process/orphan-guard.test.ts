import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { compiledUrl } from '../../compiled.js';
import { eventually } from '../../eventually.js';
import { isAlive } from '../../system/demo-run.js';

/** A parent with a child that never returns, and a guard over it; says both numbers, or ends both when told to. */
const PARENT = `
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { guardAgainstOrphanhood } from '${compiledUrl('edge/process/orphan-guard').href}';
const child = spawn(process.execPath, ['-e', 'for (;;);', 'blocked-child'], { stdio: 'ignore' });
const callOff = guardAgainstOrphanhood({ pid: child.pid, name: 'blocked-child' }, console);
const children = readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim().split(' ');
console.log(children.join(' '));
child.once('exit', callOff);
process.stdin.once('data', () => child.kill('SIGKILL'));
process.stdin.on('end', () => {});
`;

const parents: ChildProcess[] = [];
const pids: number[] = [];

afterEach(() => {
  for (const parent of parents.splice(0)) parent.kill('SIGKILL');
  for (const pid of pids.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
});

async function startParent(): Promise<{ parent: ChildProcess; child: number; guard: number }> {
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  parents.push(parent);
  parent.stdin.on('error', () => {});
  const [said] = await once(parent.stdout, 'data');
  const [child = 0, guard = 0] = String(said).trim().split(' ').map(Number);
  pids.push(child, guard);
  return { parent, child, guard };
}

describe.skipIf(process.platform !== 'linux')('guardAgainstOrphanhood', () => {
  it('ends a blocked child whose parent was killed, and itself', async () => {
    const { parent, child, guard } = await startParent();
    expect(isAlive(child)).toBe(true);
    parent.kill('SIGKILL');
    await eventually(() => !isAlive(child) && !isAlive(guard), 'child and guard are gone', 30_000);
  });

  it('is called off when the child has ended by itself', async () => {
    const { parent, child, guard } = await startParent();
    parent.stdin?.write('end it\n');
    await eventually(() => !isAlive(child) && !isAlive(guard), 'child and guard are gone', 30_000);
    expect(parent.exitCode).toBeNull();
  });

  it('cannot be taken for the child by its command line', async () => {
    const { guard } = await startParent();
    expect(readFileSync(`/proc/${guard}/cmdline`, 'utf8')).not.toContain('blocked-child');
  });
});
