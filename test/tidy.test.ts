import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

// The few rules of the house that are checked by a program. Everything else is taste.

const ROOMS = ['protocol', 'base', 'edge', 'broker', 'monitor', 'firmware-sim', 'cli'] as const;
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  base: ['protocol'],
  edge: ['protocol', 'base'],
  broker: ['protocol', 'base'],
  monitor: ['protocol', 'base'],
  'firmware-sim': ['protocol', 'base'],
  cli: ['protocol', 'base', 'edge', 'broker', 'monitor', 'firmware-sim'],
};

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(path));
const sources = files.filter((path) => path.endsWith('.ts') && ROOMS.some((room) => path.startsWith(`${room}/`)));
const tests = files.filter((path) => path.endsWith('.ts') && path.startsWith('test/'));
const textOf = new Map(sources.concat(tests).map((path) => [path, readFileSync(path, 'utf8')]));

function roomOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** Relative targets that a pattern finds in a file, as paths of sources. */
function targetsOf(path: string, pattern: RegExp): string[] {
  const found = [...(textOf.get(path) ?? '').matchAll(pattern)];
  return found.map((match) => normalize(join(dirname(path), match[1] ?? '')).replace(/\.js$/, '.ts'));
}

/** What a file imports, statically and dynamically, type-only included. */
function importsOf(path: string): string[] {
  return targetsOf(path, /(?:from\s+|import\(\s*|import\s+)['"](\.{1,2}\/[^'"]+)['"]/g);
}

/** What a file starts as a program or worker of its own: not an import, but a way to be reached. */
function startsOf(path: string): string[] {
  return targetsOf(path, /new URL\(\s*['"](\.{1,2}\/[^'"]+)['"]/g);
}

/** The text without comments and, if asked, without the contents of strings. */
function codeOf(path: string): string {
  return (textOf.get(path) ?? '').replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

describe('the house', () => {
  it('has no room that imports what it should not', () => {
    const wrong = sources.flatMap((path) =>
      importsOf(path)
        .filter(
          (target) => roomOf(target) !== roomOf(path) && !(MAY_IMPORT[roomOf(path)] ?? []).includes(roomOf(target)),
        )
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has a protocol that imports only the schema library', () => {
    const wrong = sources
      .filter((path) => path.startsWith('protocol/'))
      .flatMap((path) => [...codeOf(path).matchAll(/from '([^.'][^']*)'/g)].map((match) => `${path}: ${match[1]}`))
      .filter((line) => !line.endsWith(': zod'));
    expect(wrong).toEqual([]);
  });

  it('has no import cycle, type-only imports included', () => {
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]) => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      state.set(path, 'open');
      for (const target of importsOf(path)) if (textOf.has(target)) visit(target, [...trail, path]);
      state.set(path, 'done');
    };
    for (const path of sources) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('keeps topic strings in one file', () => {
    const wrong = sources
      .filter((path) => path !== 'protocol/routes.ts')
      .filter((path) => /['"`/](node|monitor|broker|maintenance|source|to)\/(\+|\$\{|<)/.test(codeOf(path)));
    expect(wrong).toEqual([]);
  });

  it('parses JSON in codec.ts and config.ts only', () => {
    const allowed = ['protocol/codec.ts', 'base/config.ts'];
    expect(sources.filter((path) => !allowed.includes(path) && /JSON\.parse\(/.test(codeOf(path)))).toEqual([]);
  });

  it('reads the environment in environment.ts and in the command line only', () => {
    const wrong = sources.filter(
      (path) => path !== 'base/environment.ts' && !path.startsWith('cli/') && /process\.env\b/.test(codeOf(path)),
    );
    expect(wrong).toEqual([]);
  });

  it('has no any, no non-null assertion and no cast but as const', () => {
    const wrong = sources.flatMap((path) => {
      const code = codeOf(path)
        .replace(/import\s*(type\s*)?\{[^}]*\}\s*from/g, 'from')
        .replace(/import \* as/g, '');
      const bare = code.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "''");
      return [...bare.matchAll(/(:\s*any\b|<any>|\bas\s+(?!const\b)[A-Za-z{[]|[\w\])]!(?=[.;,)\][]))/g)].map(
        (match) => `${path}: ${match[0]}`,
      );
    });
    expect(wrong).toEqual([]);
  });

  it('has no file with a name that says nothing, and only kebab-case names', () => {
    const banned = /^(utils?|helpers?|common|managers?|misc|data|index)\.ts$/;
    const wrong = sources.filter(
      (path) => banned.test(basename(path)) || !/^[a-z0-9-]+(\.d)?\.ts$/.test(basename(path)),
    );
    expect(wrong).toEqual([]);
  });

  it('has no default export and no barrel', () => {
    const wrong = sources.filter((path) => /export default\b|export \* from|export \{[^}]*\} from/.test(codeOf(path)));
    expect(wrong).toEqual([]);
  });

  it('has no mutable state at module level', () => {
    const wrong = sources.filter((path) => /^(export )?(let|var) /m.test(codeOf(path)));
    expect(wrong).toEqual([]);
  });

  it('reaches every source file from the command line, a process entry or a test', () => {
    const reached = new Set<string>();
    const visit = (path: string) => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const target of [...importsOf(path), ...startsOf(path)]) visit(target);
    };
    for (const path of tests.concat(sources.filter((source) => source === 'cli/vedette.ts'))) visit(path);
    expect(sources.filter((path) => !reached.has(path))).toEqual([]);
  });

  it('names no registry host and no path of a build machine', () => {
    const hosts = ['registry.npm' + 'js.org', 'deb.' + 'debian.org', '/wo' + 'rk/'];
    const wrong = files
      .filter((path) => !/\.(onnx|jpg|png|mjpeg|gz|bin)$/.test(path))
      .flatMap((path) => {
        const text = readFileSync(path, 'utf8');
        return hosts.filter((host) => text.includes(host)).map((host) => `${path}: ${host}`);
      });
    expect(wrong).toEqual([]);
  });

  it('has no broken relative link in its documents', () => {
    const wrong = files
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) =>
        [...readFileSync(path, 'utf8').matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
          .map((match) => match[1] ?? '')
          .filter((target) => !/^[a-z]+:/.test(target))
          .filter((target) => !existsSync(join(dirname(path), target)))
          .map((target) => `${path}: ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('has every room on the map in the README', () => {
    const readme = readFileSync('README.md', 'utf8');
    const rooms = [...new Set(files.filter((path) => path.includes('/')).map(roomOf))].filter(
      (room) => !room.startsWith('.'),
    );
    expect(rooms.filter((room) => !readme.includes(`${room}/`))).toEqual([]);
  });
});
