import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { compiledUrl } from '../../compiled.js';
import { eventually } from '../../eventually.js';
import { isAlive } from '../../system/demo-run.js';

/** A child that never returns, with a program of its own that neither reads nor writes. */
const CHILD = `require('node:child_process').spawn('sleep', ['600'], { stdio: 'ignore' }); for (;;);`;

/** A parent with such a child, and a guard over it; says both numbers, or ends both when told to. */
const PARENT = `
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { guardAgainstOrphanhood } from '${compiledUrl('edge/process/orphan-guard').href}';
const mark = process.pid + '-7';
const env = { ...process.env, VEDETTE_LIFE: mark };
const child = spawn(process.execPath, ['-e', ${JSON.stringify(CHILD)}, 'blocked-child'], { stdio: 'ignore', env });
const callOff = guardAgainstOrphanhood({ pid: child.pid, mark }, console);
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

type Family = { parent: ChildProcess; child: number; guard: number; program: number };

async function startParent(): Promise<Family> {
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  parents.push(parent);
  parent.stdin.on('error', () => {});
  const [said] = await once(parent.stdout, 'data');
  const [child = 0, guard = 0] = String(said).trim().split(' ').map(Number);
  pids.push(child, guard);
  return { parent, child, guard, program: await programOf(child) };
}

/** The program that the child has started. */
async function programOf(child: number): Promise<number> {
  const programs = () => readFileSync(`/proc/${child}/task/${child}/children`, 'utf8').trim();
  await eventually(() => programs() !== '', 'the child has started its program', 30_000);
  const program = Number(programs());
  pids.push(program);
  return program;
}

describe.skipIf(process.platform !== 'linux')('guardAgainstOrphanhood', () => {
  it('ends a blocked child whose parent was killed, what that has started, and itself', async () => {
    const { parent, child, guard, program } = await startParent();
    expect(isAlive(child)).toBe(true);
    parent.kill('SIGKILL');
    const gone = () => [child, program, guard].every((pid) => !isAlive(pid));
    await eventually(gone, 'child, program and guard are gone', 30_000);
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
