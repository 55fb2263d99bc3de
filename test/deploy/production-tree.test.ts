import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const SCRIPT = 'deploy/production-tree';
const INSTALL_MS = 180_000;
/** DESIGN: what a board of one architecture may need. */
const INSTALL_MIB_MAX = 120;

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-tree-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const ELF = 0x7f454c46;
/** First four bytes of programs of other systems: Windows (two of them), macOS. */
const OTHERS: readonly number[] = [0xcffaedfe, 0xcefaedfe, 0xfeedfacf, 0xfeedface];

/** Compiled programs and libraries below a folder, whatever their name, by what their first bytes say they are for. */
function programsIn(folder: string): { path: string; kind: string }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    if (!entry.isFile()) return [];
    const path = join(entry.parentPath, entry.name);
    const head = readFileSync(path).subarray(0, 20);
    if (head.length < 20) return [];
    const magic = head.readUInt32BE(0);
    if (OTHERS.includes(magic) || head.toString('latin1', 0, 2) === 'MZ') return [{ path, kind: 'another system' }];
    if (magic !== ELF) return [];
    // e_machine of the ELF header: 62 is x86-64, 183 AArch64.
    const machine = head.readUInt16LE(18);
    return [{ path, kind: machine === 62 ? 'x64' : machine === 183 ? 'arm64' : `machine ${machine}` }];
  });
}

describe('deploy/production-tree', () => {
  it.each(['arm64', 'x64'])(
    'makes a folder for linux-%s that holds its libraries, no others, and stays small',
    async (cpu) => {
      const out = join(dir, cpu);
      const { stdout } = await run(SCRIPT, ['--cpu', cpu, out]);
      expect(Number(/: (\d+) MB/.exec(stdout)?.[1])).toBeLessThan(INSTALL_MIB_MAX);
      const libraries = readdirSync(join(out, 'node_modules/onnxruntime-node/bin'), { recursive: true }).map(String);
      expect(libraries.filter((path) => path.endsWith('.node'))).toEqual([expect.stringContaining(`linux/${cpu}`)]);
      expect(existsSync(join(out, `node_modules/@img/sharp-linux-${cpu}`))).toBe(true);
      expect(existsSync(join(out, `node_modules/@node-rs/argon2-linux-${cpu}-gnu`))).toBe(true);
      expect(existsSync(join(out, 'node_modules/typescript'))).toBe(false);
      const programs = programsIn(out);
      expect(new Set(programs.map(({ kind }) => kind))).toEqual(new Set([cpu]));
      expect(programs.length).toBeGreaterThanOrEqual(4);
      expect(programs.filter(({ path }) => path.includes('musl'))).toEqual([]);
    },
    INSTALL_MS,
  );

  it.runIf(process.arch === 'x64' || process.arch === 'arm64')(
    'makes a folder that runs on its own',
    async () => {
      const vedette = join(dir, process.arch, 'dist/cli/vedette.js');
      const { stdout } = await run(process.execPath, [vedette, 'doctor', '--json'], { cwd: dir }).catch(
        (error: { stdout: string }) => error,
      );
      const { findings } = JSON.parse(stdout);
      const verdicts = Object.fromEntries(
        findings.map(({ check, verdict }: { check: string; verdict: string }) => [check, verdict]),
      );
      expect(verdicts).toMatchObject({ 'onnxruntime-node': 'ok', sharp: 'ok', 'built-in model': 'ok' });
    },
    INSTALL_MS,
  );

  it('refuses a folder that holds something, and a processor it does not know', async () => {
    const full = join(dir, 'full');
    await run('mkdir', [full]);
    await writeFile(join(full, 'mine'), '');
    await expect(run(SCRIPT, [full])).rejects.toMatchObject({ stderr: expect.stringContaining('not an empty folder') });
    await expect(run(SCRIPT, ['--cpu', 'riscv', join(dir, 'new')])).rejects.toMatchObject({
      stderr: expect.stringContaining('allowed: arm64, x64'),
    });
    expect(readFileSync(join(full, 'mine'), 'utf8')).toBe('');
  });
});
