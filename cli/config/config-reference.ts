import type { z } from 'zod';
import { SiteConfig } from '../../base/config.js';
import { branchesOf, describeAllowed, isTree, type SchemaNode, schemaTree } from '../../base/config-schema.js';
import { BrokerConfig } from '../../broker/config.js';
import { FileSource, SimSource, WebcamSource } from '../../edge/capture/config.js';
import { HttpSource, RpicamSource, RtspSource, V4l2Source } from '../../edge/capture/stream/stream-config.js';
import { EdgeConfig } from '../../edge/config.js';
import { MonitorConfig } from '../../monitor/config.js';

/** One setting of the configuration. */
export type Setting = {
  /** `cameras.<name>.motion.threshold`. */
  readonly path: string;
  readonly defaultValue: string;
  readonly allowed: string;
  readonly description: string;
};

export type SettingsSection = { readonly section: string; readonly settings: readonly Setting[] };

/** Every setting of every section, from the schemas that check them. */
export function listSettings(): SettingsSection[] {
  const sections: readonly (readonly [string, z.ZodType])[] = [
    ['site', SiteConfig],
    ['broker', BrokerConfig],
    ['edge', EdgeConfig],
    ['edge.cameras.<name>.source, driver sim', SimSource],
    ['edge.cameras.<name>.source, driver file', FileSource],
    ['edge.cameras.<name>.source, driver webcam', WebcamSource],
    ['edge.cameras.<name>.source, driver v4l2', V4l2Source],
    ['edge.cameras.<name>.source, driver rtsp', RtspSource],
    ['edge.cameras.<name>.source, driver http', HttpSource],
    ['edge.cameras.<name>.source, driver rpicam', RpicamSource],
    ['monitor', MonitorConfig],
  ];
  return sections.map(([section, schema]) => ({ section, settings: walk(schemaTree(schema), '') }));
}

/** The settings as one Markdown document, as it stands in `docs/configuration-reference.md`. */
export function renderReference(sections: readonly SettingsSection[]): string {
  const parts = sections.map(({ section, settings }) => {
    const rows = settings.map(
      ({ path, defaultValue, allowed, description }) =>
        `| \`${path}\` | ${code(defaultValue)} | ${cell(allowed)} | ${cell(description)} |`,
    );
    return [`## \`${section}\``, '', '| setting | default | allowed | what |', '|---|---|---|---|', ...rows, ''].join(
      '\n',
    );
  });
  return ['# Configuration reference', '', INTRODUCTION, '', ...parts].join('\n');
}

const INTRODUCTION =
  'Made from the schemas that check the file (`npm run schemas`); [configuration.md](configuration.md) says how files, ' +
  'environment and secrets work together. `<name>` is a name of your choice: 1 to 32 of a-z, 0-9 and -.';

function walk(node: SchemaNode, path: string): Setting[] {
  const branches = branchesOf(node);
  const below = branches.flatMap((branch) => childrenOf(branch, path));
  const settings = below.flatMap(([at, child]) => walk(child, at));
  if (path === '' || (settings.length > 0 && branches.every(isMap))) return settings;
  return [settingOf(node, path), ...settings];
}

function childrenOf(node: SchemaNode, path: string): [string, SchemaNode][] {
  const prefix = path === '' ? '' : `${path}.`;
  const named = isTree(node.properties) ? Object.entries(node.properties) : [];
  const free: [string, unknown][] = isTree(node.additionalProperties) ? [['<name>', node.additionalProperties]] : [];
  return [...named, ...free].flatMap(([key, child]): [string, SchemaNode][] =>
    isTree(child) && Object.keys(child).length > 0 ? [[`${prefix}${key}`, child]] : [],
  );
}

function isMap(node: SchemaNode): boolean {
  return node.type === 'object';
}

function settingOf(node: SchemaNode, path: string): Setting {
  const { description: _, ...bare } = node;
  return {
    path,
    defaultValue: node.default === undefined ? '' : JSON.stringify(node.default),
    allowed: describeAllowed(bare) ?? '',
    description: typeof node.description === 'string' ? node.description : '',
  };
}

function code(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
