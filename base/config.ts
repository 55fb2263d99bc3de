import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { Id } from '../protocol/ids.js';
import { DEFAULT_ROOT } from '../protocol/routes.js';
import { ConfigDocument, type ConfigPath } from './config-document.js';
import { issuesBehindKeys } from './config-keys.js';
import { type ConfigOverride, overridesFromEnv, withOverride } from './config-override.js';
import { type ConfigProblem, describeFaults } from './config-problem.js';
import { schemaTree } from './config-schema.js';
import { freezeDeep } from './deep-freeze.js';
import { OperationError, plainFileError } from './errors.js';

/** The environment of a process. Given to `loadConfig` and its kin; nothing else reads it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Top-level keys of a configuration file. Each service reads `site` and its own, and passes over the others. */
export const SECTIONS = ['site', 'broker', 'edge', 'monitor'] as const;
export type Section = (typeof SECTIONS)[number];

/** Largest configuration taken: 1000 cameras with 20 lines each are under 1 MiB. */
const CONFIG_BYTES_MAX = 1024 * 1024;

export const BROKER_URL = /^(mqtt|mqtts|ws|wss):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(\/[^\s@]*)?$/;

/** What all services of one site share. */
export const SiteConfig = z
  .strictObject({
    name: z.string().min(1).max(64).default('home').describe('name people see'),
    root: Id.default(DEFAULT_ROOT).describe('first level of every topic'),
    brokers: z
      .array(
        z
          .string()
          .regex(
            BROKER_URL,
            'allowed: mqtt://, mqtts://, ws:// or wss:// with a host and no password (that goes into passwordFile)',
          ),
      )
      .min(1)
      .max(8)
      // Loopback: the one address where a broker without a name of its own can be expected.
      .default(['mqtt://127.0.0.1:1883'])
      .describe('brokers in order of preference'),
    caFile: z.string().min(1).max(4096).optional().describe('PEM file of the authority that signed the brokers'),
  })
  .prefault({});
export type SiteConfig = z.infer<typeof SiteConfig>;

/**
 * The schema of a whole file as one service reads it: `serviceSchema({ edge: EdgeConfig })` checks `site` and `edge`,
 * lets the sections of other services stand unread, and refuses any other key.
 */
export function serviceSchema<Shape extends Partial<Record<Section, z.ZodType>>>(
  shape: Shape,
): z.ZodType<{ site: SiteConfig } & { [K in keyof Shape]: z.infer<NonNullable<Shape[K]>> }>;
export function serviceSchema(shape: Partial<Record<Section, z.ZodType>>): z.ZodType {
  const foreign = z.unknown().optional();
  return z.strictObject({ site: SiteConfig, broker: foreign, edge: foreign, monitor: foreign, ...shape });
}

export type DeepReadonly<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** A configuration that cannot be used, with all its faults. */
export class ConfigError extends OperationError {
  readonly problems: readonly ConfigProblem[];

  constructor(path: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map((problem) => `\n  ${describeProblem(problem)}`);
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super({ code: 'config-invalid', op: 'read', subject: `config ${path}`, message: `${count}${lines.join('')}` });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** One problem on one line: `12:5 edge.cameras.front.fps: got 0; allowed: number, 0.1 to 60`. */
export function describeProblem(problem: ConfigProblem): string {
  const where = [problem.place, problem.path].filter((part) => part !== '').join(' ');
  return where === '' ? problem.message : `${where}: ${problem.message}`;
}

export type LoadConfigOptions<S extends z.ZodType> = {
  readonly path: string;
  readonly schema: S;
  /** Source of `VEDETTE_<SECTION>_<KEY>` overrides; see `overridesFromEnv` for the mapping. */
  readonly env: Environment;
  /** Values that win over file and environment, such as command-line options. */
  readonly overrides?: readonly ConfigOverride[];
};

/**
 * Reads a YAML file into a checked, deeply frozen configuration. Order of precedence: `overrides`, environment, file,
 * defaults of the schema.
 * @throws ConfigError (`config-invalid`) with every fault at once, one per line: place, path, value given, what is
 * allowed. @throws OperationError `config-unreadable` if there is no such file or it is not text.
 */
export async function loadConfig<S extends z.ZodType>(
  options: LoadConfigOptions<S>,
): Promise<DeepReadonly<z.infer<S>>> {
  const text = await readConfigText(options.path);
  return parseConfig(text, options);
}

/** The same for a text already read; `path` only names it in messages. @throws ConfigError */
export function parseConfig<S extends z.ZodType>(
  text: string,
  options: LoadConfigOptions<S>,
): DeepReadonly<z.infer<S>> {
  const document = new ConfigDocument(text);
  const problems: ConfigProblem[] = document.problems.map(({ position, message }) => ({
    path: '',
    place: `${position.line}:${position.column}`,
    message,
  }));
  if (document.unreadable) throw new ConfigError(options.path, problems);
  // A file that says nothing is far more often a write that was cut short than a wish for defaults only.
  if (document.value === null)
    throw new ConfigError(options.path, [{ path: '', place: '', message: 'the file is empty' }]);

  const tree = schemaTree(options.schema);
  const found = overridesFromEnv(options.env, SECTIONS, tree, document.value);
  for (const name of found.unknown) problems.push({ path: '', place: name, message: 'names no setting' });
  const overrides = [...found.overrides, ...(options.overrides ?? [])];
  const value = overrides.reduce<unknown>(
    (before, { path, value }) => withOverride(before, path, value),
    document.value,
  );

  const result = options.schema.safeParse(value);
  if (!result.success) {
    const { issues } = result.error;
    const all = [...issues, ...issuesBehindKeys(options.schema, value, issues)];
    for (const fault of describeFaults(all, value, tree)) {
      problems.push({
        path: fault.path.join('.'),
        place: overrideAt(overrides, fault.path) ?? placeInFile(document, fault.path, fault.at),
        message: fault.message,
      });
    }
  }
  if (!result.success || problems.length > 0) throw new ConfigError(options.path, inFileOrder(problems));
  return frozen(result.data);
}

function frozen<T>(value: T): DeepReadonly<T>;
function frozen(value: unknown): unknown {
  freezeDeep(value);
  return value;
}

/**
 * Where things stand in a configuration file: `12:5`, empty for what it does not hold. For what is found wrong after it
 * was loaded.
 * @throws OperationError `config-unreadable`
 */
export async function readPlaces(path: string): Promise<(path: ConfigPath) => string> {
  const document = new ConfigDocument(await readConfigText(path));
  return (steps) => placeInFile(document, steps, 'value');
}

// As a person reads the file; what comes from elsewhere last.
function inFileOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const rank = ({ place }: ConfigProblem) => {
    const [line, column] = place.split(':').map(Number);
    return Number.isInteger(line) ? (line ?? 0) * 10_000 + (column ?? 0) : Number.POSITIVE_INFINITY;
  };
  return [...problems].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

function placeInFile(document: ConfigDocument, path: ConfigPath, at: 'key' | 'value'): string {
  const position = document.positionOf(path, at);
  return position === undefined ? '' : `${position.line}:${position.column}`;
}

function overrideAt(overrides: readonly ConfigOverride[], path: ConfigPath): string | undefined {
  return overrides.findLast((override) => override.path.every((step, i) => step === path[i]))?.from;
}

async function readConfigText(path: string): Promise<string> {
  const fail = (message: string, cause?: unknown) =>
    new OperationError({ code: 'config-unreadable', op: 'read', subject: `config ${path}`, message, cause });
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > CONFIG_BYTES_MAX) throw fail(`${size} bytes, allowed ${CONFIG_BYTES_MAX}`);
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw fail(plainFileError(error), error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw fail('not UTF-8 text', error);
  }
}
