import { z } from 'zod';
import {
  ConfigError,
  type DeepReadonly,
  describeProblem,
  loadConfig,
  readPlaces,
  SECTIONS,
  SiteConfig,
} from '../../base/config.js';
import type { ConfigProblem } from '../../base/config-problem.js';
import { EXIT_CODE_BY_ERROR_CODE } from '../../base/errors.js';
import { renderTable } from '../../base/terminal/table.js';
import { BrokerConfig } from '../../broker/config.js';
import { EdgeConfig } from '../../edge/config.js';
import { MonitorConfig } from '../../monitor/config.js';
import type { CommandContext } from '../command-context.js';
import { fileFindings, surroundingsOf } from './file-findings.js';
import { nodeFindings } from './node-findings.js';

/** A file as all services together read it; a section that is absent is a service that does not run here. */
const WholeFile = z.strictObject({
  site: SiteConfig,
  broker: BrokerConfig.unwrap().optional(),
  edge: EdgeConfig.optional(),
  monitor: MonitorConfig.optional(),
});
type WholeFile = z.infer<typeof WholeFile>;

type Report = { readonly section: string; readonly settings: string };

/**
 * Checks a configuration file and says what is in it. Prints a table, or one JSON object.
 * @throws ConfigError unless JSON was asked for; then the faults are in the object and the exit code tells.
 */
export async function runConfigCheck(file: string, json: boolean, context: CommandContext): Promise<void> {
  try {
    const config = await loadConfig({ path: file, schema: WholeFile, env: context.env });
    const sections = SECTIONS.filter((name) => config[name] !== undefined);
    const { faults, warnings } = await lookAround(file, config, context);
    if (faults.length > 0) {
      const told = warnings.map(describeProblem);
      if (json) return refuse(file, faults, told, context);
      throw new ConfigError(file, [...faults, ...warnings.map(asWarning)]);
    }
    if (json)
      return context.out.writeJson({ ok: true, file, sections, problems: [], warnings: warnings.map(describeProblem) });
    context.out.write(
      renderTable<Report>(
        context.out,
        [
          { title: 'section', cell: ({ section }) => section },
          { title: 'settings', cell: ({ settings }) => settings },
        ],
        sections.map((section) => ({ section, settings: summary(config[section]) })),
      ),
    );
    for (const warning of warnings) {
      context.out.writeLine(`${context.out.paint('yellow', 'warning:')} ${describeProblem(warning)}`);
    }
    context.out.writeLine(`${context.out.paint('green', 'OK')} ${file}`);
  } catch (error) {
    if (!json || !(error instanceof ConfigError)) throw error;
    refuse(file, error.problems, [], context);
  }
}

function refuse(
  file: string,
  problems: readonly ConfigProblem[],
  warnings: readonly string[],
  context: CommandContext,
): void {
  context.out.writeJson({ ok: false, file, sections: [], problems, warnings });
  context.setExitCode(EXIT_CODE_BY_ERROR_CODE['config-invalid']);
}

type Found = { readonly faults: readonly ConfigProblem[]; readonly warnings: readonly ConfigProblem[] };

// What only the machine can tell: the files a configuration names, and what its model knows.
async function lookAround(file: string, config: DeepReadonly<WholeFile>, context: CommandContext): Promise<Found> {
  const where = surroundingsOf(file, context.env);
  const found = await fileFindings(config, where);
  if (config.edge !== undefined) found.push(...(await nodeFindings(config.edge, where)));
  const placeOf = await readPlaces(file);
  const told = (severity: 'fault' | 'warning') =>
    found.flatMap(({ severity: own, path, message }) =>
      own === severity ? [{ path: path.join('.'), place: placeOf(path), message }] : [],
    );
  return { faults: told('fault'), warnings: told('warning') };
}

function asWarning(problem: ConfigProblem): ConfigProblem {
  return { ...problem, message: `warning: ${problem.message}` };
}

/** Longest summary of a section, characters: a line of a usual window. */
const SUMMARY_CHARS_MAX = 100;

function summary(section: unknown): string {
  const parts = entriesOf(section).flatMap(([key, value]) => describeSetting(key, value) ?? []);
  const text = parts.join(', ');
  return text.length > SUMMARY_CHARS_MAX ? `${text.slice(0, SUMMARY_CHARS_MAX - 3)}...` : text;
}

function describeSetting(key: string, value: unknown): string | undefined {
  if (['string', 'number', 'boolean'].includes(typeof value)) return `${key} ${value}`;
  if (Array.isArray(value)) return `${key} ${value.join(' ')}`;
  const names = entriesOf(value).map(([name]) => name);
  return names.length > 0 && ['cameras', 'sensors', 'rules'].includes(key) ? `${key} ${names.join(' ')}` : undefined;
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}
