import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { ConfigError, loadConfig, SECTIONS, SiteConfig } from '../../base/config.js';
import { EXIT_CODE_BY_ERROR_CODE } from '../../base/errors.js';
import { renderTable } from '../../base/terminal/table.js';
import { BrokerConfig } from '../../broker/config.js';
import { EdgeConfig } from '../../edge/config.js';
import { MonitorConfig } from '../../monitor/config.js';
import type { CommandContext } from '../command-context.js';

/** A file as all services together read it; a section that is absent is a service that does not run here. */
const WholeFile = z.strictObject({
  site: SiteConfig,
  broker: BrokerConfig.unwrap().optional(),
  edge: EdgeConfig.optional(),
  monitor: MonitorConfig.optional(),
});

type Report = { readonly section: string; readonly settings: string };

/**
 * Checks a configuration file and says what is in it. Prints a table, or one JSON object.
 * @throws ConfigError unless JSON was asked for; then the faults are in the object and the exit code tells.
 */
export async function runConfigCheck(file: string, json: boolean, context: CommandContext): Promise<void> {
  try {
    const config = await loadConfig({ path: file, schema: WholeFile, env: context.env });
    const sections = SECTIONS.filter((name) => config[name] !== undefined);
    const warnings = missingFiles(config, '', dirname(resolve(file)));
    if (json) return context.out.writeJson({ ok: true, file, sections, problems: [], warnings });
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
    for (const warning of warnings) context.out.writeLine(`${context.out.paint('yellow', 'warning:')} ${warning}`);
    context.out.writeLine(`${context.out.paint('green', 'OK')} ${file}`);
  } catch (error) {
    if (!json || !(error instanceof ConfigError)) throw error;
    context.out.writeJson({ ok: false, file, sections: [], problems: error.problems, warnings: [] });
    context.setExitCode(EXIT_CODE_BY_ERROR_CODE['config-invalid']);
  }
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
  return names.length > 0 && key === 'cameras' ? `${key} ${names.join(' ')}` : undefined;
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

// Only a warning: the file may be checked on another machine than the one it is for.
function missingFiles(value: unknown, path: string, folder: string): string[] {
  return entriesOf(value).flatMap(([key, child]) => {
    const at = path === '' ? key : `${path}.${key}`;
    if (typeof child !== 'string') return missingFiles(child, at, folder);
    const isFile = key.endsWith('File') && child.includes('/');
    return isFile && !existsSync(resolve(folder, child)) ? [`${at}: ${child} does not exist on this machine`] : [];
  });
}
