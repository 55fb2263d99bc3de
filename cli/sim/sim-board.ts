import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, OperationError } from '../../base/errors.js';
import { openLog } from '../../base/log.js';
import { readSecretFile } from '../../base/secret-file.js';
import { runBoard } from '../../firmware-sim/board/board.js';
import { ID_PATTERN } from '../../protocol/ids.js';
import { type CommandContext, usageError } from '../command-context.js';
import { serviceStateDir } from '../service/service-options.js';

export type SimBoardOptions = {
  readonly node: string;
  readonly config: string;
  readonly hostKey: string;
  readonly authorizedKey: string;
  readonly port: number;
  readonly restartsPerHour?: number;
  readonly state?: string;
};

/** The user of a board's forced command. */
const USER = 'vedette-ctl';

/** Runs a simulated board until it is told to stop. */
export async function runSimBoard(options: SimBoardOptions, context: CommandContext): Promise<void> {
  const { node, config, hostKey, authorizedKey, port, restartsPerHour, state } = options;
  if (!ID_PATTERN.test(node)) throw usageError('sim board', `--node ${node} is no id; allowed: ${ID_PATTERN.source}`);
  const stateDir = serviceStateDir(state, context);
  await runBoard(
    {
      node,
      command: [...context.self, 'edge', '--config', config, '--state', stateDir],
      env: context.env,
      runDir: join(stateDir, 'run', node),
      port,
      hostKey: await readSecretFile(hostKey, context.env),
      authorizedKey: await readPublicKey(authorizedKey),
      user: USER,
      ...(restartsPerHour === undefined ? {} : { restartsPerHour }),
      clock: context.clock,
      log: openLog('board', 'info'),
    },
    context.signal,
  );
}

async function readPublicKey(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new OperationError({
      code: 'credentials-invalid',
      op: 'read',
      subject: `public key ${path}`,
      message: messageOf(cause),
      cause,
    });
  }
}
