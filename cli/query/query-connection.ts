import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SystemClock } from '../../base/clock.js';
import { loadConfig, serviceSchema } from '../../base/config.js';
import { OperationError } from '../../base/errors.js';
import { Link } from '../../base/link/link.js';
import { siteLinkOptions } from '../../base/link/site-link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { stateDirFor } from '../../base/state-folder.js';
import { DEFAULT_ROOT } from '../../protocol/routes.js';
import type { CommandContext } from '../command-context.js';

/** How a command finds its broker and its credentials. */
export type ConnectionOptions = {
  readonly broker?: readonly string[];
  readonly config?: string;
  readonly user: string;
  readonly passwordFile?: string;
  readonly state?: string;
};

/** A Link and what is known of it: how many brokers it may try, and whether it has a password. */
export type Connection = { readonly link: Link; readonly brokers: number; readonly hasPassword: boolean };

const DEFAULT_BROKER = 'mqtt://127.0.0.1:1883';
/** Longest wait for a broker that neither takes nor refuses the connection. */
const CONNECT_MS = 10_000;

/**
 * A Link of a person's tool, not open yet: to the brokers named, else to those of the demo in the state folder, else to this
 * machine's. @throws OperationError `config-invalid`, `config-unreadable`, `credentials-invalid`
 */
export async function makeConnection(options: ConnectionOptions, context: CommandContext): Promise<Connection> {
  const stateDir = stateDirFor(options.state, context.env);
  const demoConfig = join(stateDir, 'config', 'monitor.yaml');
  const isDemo = options.broker === undefined && options.config === undefined && (await exists(demoConfig));
  const path = options.config ?? (isDemo ? demoConfig : undefined);
  const site =
    path === undefined
      ? { name: 'query', root: DEFAULT_ROOT, brokers: [DEFAULT_BROKER] }
      : (await loadConfig({ path, schema: serviceSchema({}), env: context.env })).site;
  const demoPassword = join(stateDir, 'credentials', `${options.user}.password`);
  const passwordFile = options.passwordFile ?? ((await exists(demoPassword)) ? demoPassword : undefined);
  const parts = { clock: context.clock, random: new Random(randomBytes(16).toString('hex')), log: silentLog };
  const brokers = options.broker ?? site.brokers;
  const linkOptions = await siteLinkOptions({ ...site, brokers }, options.user, { passwordFile }, parts);
  const { username, ...anonymous } = linkOptions;
  const hasPassword = passwordFile !== undefined;
  const link = new Link({
    ...(hasPassword && username !== undefined ? { ...anonymous, username } : anonymous),
    // Several may run at a time; a broker of ours takes any id that begins with the user's own name.
    clientId: hasPassword
      ? `${options.user}.query-${randomBytes(4).toString('hex')}`
      : `query-${randomBytes(6).toString('hex')}`,
    limits: { reconnectFirstMs: 200, reconnectMaxMs: 1_000 },
  });
  return { link, brokers: brokers.length, hasPassword };
}

/**
 * Opens the Link and waits for its first session. @throws OperationError of the last attempt once every broker was tried;
 * `unreachable` if none of them answers at all
 */
export async function connect({ link, brokers }: Connection, clock: SystemClock, signal: AbortSignal): Promise<void> {
  const end = new AbortController();
  let failures = 0;
  const stop = link.onAttemptFailed((error) => {
    if (++failures >= brokers) end.abort(withHint(error));
  });
  try {
    const isUp = new Promise<void>((resolve) => void link.onUp(resolve));
    link.open();
    const late = clock.sleep(CONNECT_MS, AbortSignal.any([signal, end.signal])).then(() => {
      throw new OperationError({
        code: 'unreachable',
        op: 'reach',
        subject: `broker ${link.brokerUrl}`,
        message: 'no answer',
      });
    });
    await Promise.race([isUp, late]);
    end.abort();
    await late.catch(() => {});
  } finally {
    stop();
  }
}

function withHint(error: OperationError): OperationError {
  const hint = HINTS[error.code];
  if (error.hint !== undefined || hint === undefined) return error;
  const { code, op, subject, transient, cause } = error;
  const message = error.message.slice(`${op} ${subject}: `.length);
  return new OperationError({ code, op, subject, message, transient, hint, cause });
}

const HINTS: Readonly<Record<string, string>> = {
  unreachable: 'is a broker running there? vedette demo starts one; name another with --broker URL',
  'credentials-invalid': 'whose password is it? --user NAME --password-file FILE',
};

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
