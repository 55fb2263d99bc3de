import { EXIT_CODE_BY_ERROR_CODE } from '../../base/errors.js';
import { stateDirFor } from '../../base/state-folder.js';
import { renderTable } from '../../base/terminal/table.js';
import type { CommandContext } from '../command-context.js';
import type { Finding, Verdict } from './finding.js';
import {
  checkBuiltInModel,
  checkClock,
  checkLibrary,
  checkMemory,
  checkNode,
  checkPlatform,
  checkProgram,
  checkStateDir,
  hasGlibc,
} from './machine-checks.js';
import { checkPort, DEFAULT_PORTS } from './port-checks.js';

/** Programs that some part uses, with the Debian package each comes in. None of them is needed by the demo. */
const PROGRAMS = [
  { name: 'ffmpeg', purpose: 'video files, network and v4l2 cameras', packageName: 'ffmpeg' },
  { name: 'fswebcam', purpose: 'USB cameras without further set-up', packageName: 'fswebcam' },
  { name: 'mosquitto_sub', purpose: 'looking at the topics', packageName: 'mosquitto-clients' },
  { name: 'ssh', purpose: 'restarts of boards by the monitor', packageName: 'openssh-client' },
] as const;

/** Makes every check, prints a table or one JSON object, and sets exit code 69 if one failed. */
export async function runDoctor(
  options: { readonly json?: boolean; readonly state?: string },
  context: CommandContext,
): Promise<void> {
  const findings = await examine(options.state, context);
  const isOk = findings.every(({ verdict }) => verdict !== 'fail');
  if (options.json === true) context.out.writeJson({ ok: isOk, findings });
  else printFindings(findings, isOk, context);
  if (!isOk) context.setExitCode(EXIT_CODE_BY_ERROR_CODE['not-found']);
}

async function examine(state: string | undefined, { env }: CommandContext): Promise<readonly Finding[]> {
  return [
    checkNode(process.version),
    checkPlatform(process.platform, process.arch, hasGlibc()),
    checkMemory(),
    // One after the other: on a small board two of them at once take longer than both.
    await checkLibrary('onnxruntime-node'),
    await checkLibrary('sharp'),
    await checkBuiltInModel(),
    await checkStateDir(stateDirFor(state, env)),
    await checkClock(),
    ...(await Promise.all(DEFAULT_PORTS.map(({ port, purpose }) => checkPort(port, purpose)))),
    ...PROGRAMS.map(({ name, purpose, packageName }) => checkProgram(name, purpose, packageName, env)),
  ];
}

const COLOUR = { ok: 'green', warn: 'yellow', fail: 'red' } as const satisfies Record<Verdict, string>;

function printFindings(findings: readonly Finding[], isOk: boolean, { out }: CommandContext): void {
  out.write(
    renderTable(
      out,
      [
        { title: 'check', cell: ({ check }) => check },
        { title: '', cell: ({ verdict }) => verdict, colour: ({ verdict }) => COLOUR[verdict] },
        { title: 'found', cell: ({ detail }) => detail },
      ],
      findings,
    ),
  );
  const open = findings.filter(({ hint }) => hint !== undefined);
  if (open.length > 0) out.writeLine('');
  for (const { check, hint } of open) out.writeLine(`${check}: ${hint ?? ''}`);
  out.writeLine(isOk ? 'Vedette can run here.' : 'Vedette cannot run here.');
}
