import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { SystemClock } from '../../base/clock.js';
import { Terminal } from '../../base/terminal/terminal.js';
import { numberOption, scriptOptions } from '../script-options.js';
import type { ChaosGround } from './chaos-ground.js';
import { writeVerdict } from './chaos-report.js';
import { runChaos } from './chaos-run.js';
import { openDemoGround } from './demo-ground.js';
import { openLabGround } from './lab-ground.js';

const WORDS = {
  call: 'npm run chaos',
  about: `Random faults against the real processes of a vedette demo of its own, or with --lab against systemd boards, for so
many minutes; then what came of them. Linux: processes are found in /proc. The same seed draws the same numbers; what
they meet depends on the machine. --owners: only nodes that watch the source of the demo are killed and frozen.`,
};

const args = scriptOptions(WORDS, {
  minutes: { type: 'string', default: '10' },
  seed: { type: 'string', default: randomBytes(4).toString('hex') },
  nodes: { type: 'string', default: '4' },
  owners: { type: 'boolean', default: false },
  lab: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
});

const minutes = numberOption('--minutes', args.minutes, 0.1, 240);
const nodeCount = Math.floor(numberOption('--nodes', args.nodes, 1, 16));
const { seed, owners, lab, json } = args;
const isOnBoards = process.env.VEDETTE_LAB_PROGRAM !== undefined;

process.exitCode = lab && !isOnBoards ? await withBoards() : await run();

/** The same again, on the lab's network, once its boards are up. */
async function withBoards(): Promise<number> {
  const words = ['--chaos', '--minutes', args.minutes, '--seed', seed, ...(json ? ['--json'] : [])];
  const child = spawn('test/lab/run-lab', words, { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  return typeof code === 'number' ? code : 1;
}

async function run(): Promise<number> {
  const clock = new SystemClock();
  const out = new Terminal(process.stdout, process.env);
  const err = new Terminal(process.stderr, process.env);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  const ground: ChaosGround = lab
    ? await openLabGround(clock)
    : await openDemoGround({ nodeCount, seed, clock, onlyOwners: owners });
  const nodes = ground.rules.nodes.length;
  const tell = (line: string) => err.writeLine(line);
  const end = interrupted.signal;
  const verdict = await runChaos({ ground, seed, minutes, clock, end, tell }).finally(() => ground.end());
  if (json) out.writeJson({ seed, minutes, nodes, isLab: lab, ...verdict });
  else
    writeVerdict(
      out,
      verdict,
      `--minutes ${minutes} ${lab ? '--lab' : `--nodes ${nodes}${owners ? ' --owners' : ''}`} --seed ${seed}`,
    );
  return verdict.isGood ? 0 : 1;
}
