import { randomBytes } from 'node:crypto';
import { loadConfig } from '../../base/config.js';
import { OperationError } from '../../base/errors.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { readSecretFile } from '../../base/secret-file.js';
import { MonitorFile } from '../../monitor/config.js';
import { DEFAULT_ROOT } from '../../protocol/routes.js';
import type { CommandContext } from '../command-context.js';

/** How a question reaches the fleet's broker. */
export type QuestionOptions = {
  readonly config?: string;
  readonly broker?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly json?: boolean;
};

const CONNECT_MS = 10_000;
/** How long retained messages may take after the subscription; MQTT 3.1.1 has no end mark. */
const COLLECT_MS = 700;

/**
 * Opens a link for one question, runs it, closes. A configuration file gives brokers and root; the identity is the
 * user's own, never the monitor's, whose session it would end.
 * @throws OperationError `unreachable` if no broker answers.
 */
export async function askFleet(
  options: QuestionOptions,
  context: CommandContext,
  prepare: (link: Link) => void,
  act: (link: Link) => Promise<void> = async () => {},
): Promise<void> {
  const site =
    options.config === undefined
      ? { brokers: ['mqtt://127.0.0.1:1883'], root: DEFAULT_ROOT }
      : (await loadConfig({ path: options.config, schema: MonitorFile, env: context.env })).site;
  const password = options.passwordFile === undefined ? undefined : await readSecretFile(options.passwordFile);
  const link = new Link({
    url: options.broker ?? site.brokers,
    root: site.root,
    clientId: options.user ?? `ask-${randomBytes(6).toString('hex')}`,
    ...(options.user === undefined ? {} : { username: options.user }),
    ...(password === undefined ? {} : { password }),
    clock: context.clock,
    random: new Random(randomBytes(8).toString('hex')),
    log: silentLog,
    limits: { reconnectFirstMs: 200, reconnectMaxMs: 1_000 },
  });
  prepare(link);
  const isUp = new Promise<boolean>((resolve) => link.onUp(() => resolve(true)));
  link.open();
  try {
    const late = context.clock.sleep(CONNECT_MS, context.signal).then(() => false);
    if (!(await Promise.race([isUp, late]))) {
      throw new OperationError({
        code: 'unreachable',
        op: 'reach',
        subject: `broker ${link.brokerUrl}`,
        message: link.lastError?.reason ?? 'no answer',
        cause: link.lastError,
      });
    }
    await context.clock.sleep(COLLECT_MS, context.signal);
    await act(link);
  } finally {
    await link.close();
  }
}
