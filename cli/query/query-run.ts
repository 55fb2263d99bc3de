import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { writeFileAtomic } from '../../base/atomic-file.js';
import { EXIT_CODE_BY_ERROR_CODE, messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import { silentLog } from '../../base/log.js';
import { QueryClient } from '../../base/query/query-client.js';
import type { QueryResult } from '../../base/query/query-coordinator.js';
import { SessionToken } from '../../base/query/session-token.js';
import { Random } from '../../base/random.js';
import { ProgressBar } from '../../base/terminal/progress-bar.js';
import { describeIssues } from '../../protocol/codec.js';
import { QuerySpec } from '../../protocol/query.js';
import { type CommandContext, usageError } from '../command-context.js';
import { answerForPrograms, renderAnswer, renderTrust } from './answer-view.js';
import { type Connection, type ConnectionOptions, connect, makeConnection } from './query-connection.js';
import { parseTime, parseWidthMs } from './time-words.js';

export type QueryCommandOptions = ConnectionOptions & {
  readonly count?: boolean;
  readonly histogram?: string;
  readonly limit: number;
  readonly node?: string;
  readonly camera?: string;
  readonly kind?: string;
  readonly event?: string;
  readonly label?: string;
  readonly zone?: string;
  readonly rule?: string;
  readonly scoreMin?: number;
  readonly from?: string;
  readonly to?: string;
  readonly replicas: number | 'all';
  readonly token?: string;
  readonly fast?: boolean;
  readonly verify?: boolean;
  readonly timeout: number;
  readonly json?: boolean;
};

/** A person sees no progress of an answer that comes sooner than this. */
const PROGRESS_AFTER_MS = 300;

/**
 * Asks, prints the answer on standard output and what it is worth on standard error, or both as one JSON object.
 * @throws OperationError `usage` (64), `unreachable` (69), `timeout` (75) if nobody answered, `credentials-invalid` (78)
 */
export async function runQueryCommand(options: QueryCommandOptions, context: CommandContext): Promise<void> {
  const spec = buildSpec(options, context.clock.nowMs());
  const token = options.token === undefined ? undefined : await readToken(options.token);
  const connection = await makeConnection(options, context);
  const client = new QueryClient({
    link: connection.link,
    me: connection.hasPassword ? options.user : connection.link.clientId,
    clock: context.clock,
    random: new Random(randomBytes(16).toString('hex')),
    log: silentLog,
    limits: { deadlineMs: options.timeout * 1_000 },
  });
  client.open();
  const startedMonoMs = context.clock.monoMs();
  try {
    await connect(connection, context.clock, context.signal);
    await client.settle(context.signal);
    const result = await ask(client, spec, token, options, context);
    requireAnswer(result, client, connection, options);
    if (options.token !== undefined) await writeToken(options.token, result.token);
    const nowMs = context.clock.nowMs();
    const tookMs = Math.round(context.clock.monoMs() - startedMonoMs);
    if (options.json === true) context.out.writeJson(answerForPrograms(result, spec, nowMs, tookMs));
    else {
      context.out.write(renderAnswer(context.out, result, spec));
      context.err.write(renderTrust(result, nowMs, tookMs));
    }
    if (!result.complete || result.confidence === 'conflict') {
      context.setExitCode(EXIT_CODE_BY_ERROR_CODE['try-again']);
    }
  } finally {
    client.close();
    await connection.link.close();
  }
}

async function ask(
  client: QueryClient,
  spec: QuerySpec,
  token: SessionToken | undefined,
  options: QueryCommandOptions,
  context: CommandContext,
): Promise<QueryResult> {
  const bar = new ProgressBar(context.err, context.clock, 'asking', 'count');
  const fromMonoMs = context.clock.monoMs() + PROGRESS_AFTER_MS;
  try {
    return await client.ask(
      {
        spec,
        replicas: options.replicas,
        mode: options.fast === true ? 'fast' : 'normal',
        verify: options.verify === true,
        ...(token === undefined ? {} : { token }),
        onProgress: (progress) => {
          if (context.clock.monoMs() >= fromMonoMs) bar.update({ ...progress, note: 'replicas have answered' });
        },
      },
      context.signal,
    );
  } finally {
    bar.end();
  }
}

function buildSpec(options: QueryCommandOptions, nowMs: number): QuerySpec {
  const { node, camera, kind, event, label, zone, rule, scoreMin } = options;
  const fromMs = timeOption('--from', options.from, nowMs);
  const toMs = timeOption('--to', options.to, nowMs);
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) {
    throw usageError('query', `--from ${options.from} is later than --to ${options.to}`);
  }
  const given = { node, camera, kind, event, label, zone, rule, scoreMin, fromMs, toMs };
  const filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const shape = options.count === true ? 'count' : options.histogram === undefined ? 'list' : 'histogram';
  const bucketMs = options.histogram === undefined ? undefined : widthOption(options.histogram);
  const parsed = QuerySpec.safeParse({
    shape,
    filter,
    limit: options.limit,
    ...(bucketMs === undefined ? {} : { bucketMs }),
  });
  if (!parsed.success) throw usageError('query', describeIssues(parsed.error), 'vedette query --help');
  return parsed.data;
}

function timeOption(name: string, text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseTime(text, nowMs);
  if (ms !== undefined) return ms;
  throw usageError('query', `${name} ${text}`, 'allowed: now, -90s, -30m, -2h, -7d, 2026-03-01, 2026-03-01T08:30');
}

function widthOption(text: string): number {
  const widthMs = parseWidthMs(text);
  if (widthMs !== undefined) return widthMs;
  throw usageError('query', `--histogram ${text}`, 'allowed: minute, hour, day, or 10m, 6h, 2d; a minute at least');
}

async function readToken(path: string): Promise<SessionToken> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return text === '' ? new SessionToken() : SessionToken.decode(text);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return new SessionToken();
    const hint = 'name another file, or remove it: then nothing counts as seen';
    throw new OperationError({
      code: 'usage',
      op: 'read',
      subject: `token file ${path}`,
      message: messageOf(error),
      hint,
    });
  }
}

async function writeToken(path: string, token: SessionToken): Promise<void> {
  try {
    await writeFileAtomic(resolve(path), `${token.encode()}\n`);
  } catch (cause) {
    const message = systemCodeOf(cause) ?? messageOf(cause);
    throw new OperationError({ code: 'state-unwritable', op: 'write', subject: `token file ${path}`, message, cause });
  }
}

// An answer that nobody gave is none: zero records would be a lie.
function requireAnswer(
  result: QueryResult,
  client: QueryClient,
  connection: Connection,
  options: QueryCommandOptions,
): void {
  if (result.replicas.length > 0) return;
  const { nodes } = client.knowledge;
  const asked = result.absent.map(({ node, why }) => `${node} ${why}`).join(', ');
  const code = result.absent.some(({ why }) => why === 'bad-query')
    ? 'usage'
    : nodes.length === 0
      ? 'not-found'
      : 'timeout';
  const withoutPassword = `without a password a broker may not let you ask: --user NAME --password-file FILE${
    options.passwordFile === undefined ? ', or --state DIR of the demo' : ''
  }`;
  throw new OperationError({
    code,
    op: 'ask',
    subject: `the fleet at ${connection.link.brokerUrl}`,
    message:
      nodes.length === 0
        ? 'no node has told of itself there'
        : `no replica answered (${asked || 'none keeps records'})`,
    hint: connection.hasPassword
      ? 'are the nodes running, and is this their broker? vedette demo starts some'
      : withoutPassword,
    transient: true,
  });
}
