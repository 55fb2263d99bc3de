import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Environment } from '../../base/config.js';
import { messageOf } from '../../base/errors.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import { builtInModelPath } from '../model/built-in-model.js';
import { type Finding, fail, ok, warn } from './finding.js';

const runFile = promisify(execFile);

/** Oldest Node.js this is built for: `engines` of the package. */
const NODE_MIN = [20, 19] as const;

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const isNew = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (isNew) return ok('node', version);
  return fail('node', version, `install Node.js ${NODE_MIN.join('.')} or newer`);
}

export function checkPlatform(platform: string, arch: string, isGlibc: boolean): Finding {
  const detail = `${platform} ${arch}`;
  if (platform !== 'linux' || !['x64', 'arm64'].includes(arch)) {
    return fail('platform', detail, 'ONNX Runtime and the drivers need 64-bit Linux (x64 or arm64)');
  }
  if (!isGlibc) return fail('platform', `${detail}, musl`, 'ONNX Runtime needs glibc: Debian, Ubuntu, Raspberry Pi OS');
  return ok('platform', detail);
}

/** True where the C library is glibc, which is what the native packages are built for. */
export function hasGlibc(): boolean {
  const report = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('header' in report)) return true;
  const { header } = report;
  return typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header;
}

const MIB = 1024 * 1024;

export function checkMemory(totalBytes = totalmem()): Finding {
  const detail = `${Math.round(totalBytes / MIB)} MiB`;
  // A node takes up to 220 MiB, the system about 150.
  if (totalBytes < 400 * MIB) return fail('memory', detail, 'a node needs a machine with 512 MB at least');
  if (totalBytes < 900 * MIB) return warn('memory', detail, 'enough for one node with one camera; not for the demo');
  return ok('memory', detail);
}

/** Looks a program up in `PATH`, without running it. */
export function checkProgram(name: string, purpose: string, packageName: string, env: Environment): Finding {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return ok(name, found);
  return warn(name, `not found (${purpose})`, `sudo apt-get install ${packageName}`);
}

/**
 * Loads a native library in a process of its own: one built for another processor ends its process, and the report
 * must survive that.
 */
export async function checkLibrary(name: string): Promise<Finding> {
  try {
    const script = `await import(${JSON.stringify(import.meta.resolve(name))})`;
    await runFile(process.execPath, ['--input-type=module', '-e', script], { timeout: 30_000 });
    return ok(name, 'loads');
  } catch (error) {
    const lines = messageOf(error).split('\n');
    const said = lines.find((line) => /error/i.test(line) && !line.startsWith('Command failed')) ?? lines[0] ?? '';
    return fail(name, `does not load: ${said.trim().slice(0, 120)}`, 'npm ci, on this machine');
  }
}

/** Whether the model that is shipped is there, and is the file its manifest speaks of. */
export async function checkBuiltInModel(): Promise<Finding> {
  const check = 'built-in model';
  try {
    const path = await builtInModelPath();
    const { bytes, sha256 } = await resolveModel(path);
    return ok(check, `${Math.round(bytes.length / 1000)} kB, sha256 ${sha256.slice(0, 12)} as its manifest says`);
  } catch (error) {
    const hint = 'install again; the demo needs it, other cameras take a model by --model';
    return warn(check, messageOf(error).slice(0, 160), hint);
  }
}

/** Free space a node needs to keep records for a day and its model, MiB. */
const DISK_FREE_MIB_MIN = 200;

/** Writes a file into the state folder; a folder made for that is removed again. */
export async function checkStateDir(path: string): Promise<Finding> {
  try {
    const made = await makeFolders(path);
    await writeProbe(path);
    const { bavail, bsize } = await statfs(path);
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    const freeMiB = Math.floor((bavail * bsize) / MIB);
    const detail = `${path}${made === undefined ? '' : ' (will be made)'}, ${freeMiB} MiB free`;
    if (freeMiB < DISK_FREE_MIB_MIN) return warn('state folder', detail, 'make room: records and models live there');
    return ok('state folder', detail);
  } catch (error) {
    return fail('state folder', messageOf(error), 'give --state DIR or make the folder writable');
  }
}

// One by one: the recursive form of mkdir never returns below /proc (Node.js 20.20).
async function makeFolders(path: string): Promise<string | undefined> {
  if (existsSync(path)) return undefined;
  const made = await makeFolders(dirname(path));
  await mkdir(path);
  return made ?? path;
}

async function writeProbe(folder: string): Promise<void> {
  const probe = join(folder, `.doctor-${process.pid}.tmp`);
  const file = await open(probe, 'wx');
  try {
    await file.writeFile('x');
    await file.sync();
  } finally {
    await file.close();
    await rm(probe, { force: true });
  }
}

/** Whether something keeps the wall clock right: records carry it, and TLS certificates are judged by it. */
export async function checkClock(): Promise<Finding> {
  if (existsSync('/run/systemd/timesync/synchronized')) return ok('clock', 'synchronised (systemd-timesyncd)');
  try {
    const { stdout } = await runFile('timedatectl', ['show', '--property=NTPSynchronized', '--value'], {
      timeout: 5000,
    });
    if (stdout.trim() === 'yes') return ok('clock', 'synchronised');
    return warn('clock', 'not synchronised', 'sudo timedatectl set-ntp true; records are marked until it is');
  } catch {
    return warn('clock', 'nothing here can tell (no timedatectl)', 'make sure that the host keeps the time');
  }
}
