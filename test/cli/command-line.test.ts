import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvariantError, OperationError } from '../../base/errors.js';
import { Terminal } from '../../base/terminal/terminal.js';
import { openContext } from '../../cli/command-context.js';
import { buildProgram } from '../../cli/command-line.js';
import { reportFailure } from '../../cli/failure.js';
import { runVedette } from './vedette-process.js';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vedette-cli-'));
});
afterAll(() => rm(dir, { recursive: true }));

/** Every command, by its words, as the program itself lists them. */
function commandsBelow(
  command: Command,
  words: readonly string[] = [],
): { words: readonly string[]; command: Command }[] {
  return command.commands.flatMap((child) => {
    const path = [...words, child.name()];
    return [{ words: path, command: child }, ...commandsBelow(child, path)];
  });
}

const silent = { write: () => true };
const context = openContext({ stdout: silent, stderr: silent }, {}, new AbortController().signal, () => {}, [
  'node',
  'x',
]);
const commands = commandsBelow(buildProgram(context));

describe('the command line', () => {
  it('shows help on standard output with exit code 0, and every command in it', async () => {
    const { code, stdout, stderr } = await runVedette(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const { words } of commands.filter(({ words }) => words.length === 1))
      expect(stdout).toContain(`  ${words[0]}`);
    expect(stdout).toContain('Exit codes: 0 done, 64 wrong call');
  });

  it('shows help on standard error with exit code 64 when nothing is asked', async () => {
    const { code, stdout, stderr } = await runVedette([]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain('Usage: vedette');
  });

  it('prints its version', async () => {
    expect(await runVedette(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  it.each(commands.map(({ words, command }) => [words.join(' '), command] as const))(
    'gives %s a description, and examples where it can be run',
    (_, command) => {
      expect(command.description()).not.toBe('');
      let help = '';
      const writeOut = (text: string) => {
        help += text;
      };
      command.configureOutput({ writeOut });
      command.outputHelp();
      if (command.commands.length === 0) expect(help).toContain('Examples:');
    },
  );

  it.each([
    [['confg'], /^vedette: unknown command 'confg' \(Did you mean config\?\)\n {2}hint: vedette --help\n$/],
    [['config', 'chek', 'x'], /^vedette: unknown command 'chek' .*\n {2}hint: vedette config --help\n$/],
    [['config', 'check'], /^vedette: missing required argument 'file'\n {2}hint: vedette config check --help\n$/],
    [['model', 'list', '--jsn'], /^vedette: unknown option '--jsn' .*\n {2}hint: vedette model list --help\n$/],
    [['model', 'run', 'a', 'b', '--score', '2'], /allowed: a number, 0 to 1/],
    [['model', 'pull', '--sha256', 'xyz'], /allowed: 64 hex digits/],
    [['model', 'pull', '--url', 'ftp://h/f'], /allowed: an http:\/\/ or https:\/\/ address/],
    [['model', 'pull'], /say which model\n {2}hint: /],
    [['sim', 'export', '--out', 'x', '--size', '9x9'], /allowed: WIDTHxHEIGHT/],
    [['broker'], /which configuration\?\n {2}hint: vedette broker --config FILE/],
  ])('ends a wrong call %o with 64 and one line with a hint', async (args, expected) => {
    const { code, stdout, stderr } = await runVedette(args, { cwd: dir });
    expect(stderr).toMatch(expected);
    expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }).toMatchObject({ code: 64, stdout: '' });
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });

  it('shows where an error comes from only when asked', async () => {
    const plain = await runVedette(['config', 'check', '/nowhere/x.yaml']);
    expect(plain).toMatchObject({ code: 78, stderr: 'vedette: read config /nowhere/x.yaml: no such file\n' });
    const byOption = await runVedette(['config', 'check', '/nowhere/x.yaml', '--debug']);
    expect(byOption.stderr).toMatch(/\n\s+at .*\.js:\d+/);
    const byEnvironment = await runVedette(['config', 'check', '/nowhere/x.yaml'], { env: { VEDETTE_DEBUG: '1' } });
    expect(byEnvironment.stderr).toMatch(/caused by: .*ENOENT/);
  });

  it('writes no control sequences where no terminal is', async () => {
    const { stdout, stderr } = await runVedette(['model', 'list', '--dir', dir]);
    expect(stdout + stderr).not.toContain('\u001b');
  });

  it('ends quietly when its reader goes away', async () => {
    const child = spawn('sh', ['-c', `"${process.execPath}" "${resolve('dist/cli/vedette.js')}" model list | head -1`]);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    await new Promise((done) => child.on('close', done));
    expect(stderr).toBe('');
  });
});

describe('a failure', () => {
  function report(error: unknown, debug = false): { code: number; text: string } {
    let text = '';
    const write = (chunk: unknown) => {
      text += String(chunk);
      return true;
    };
    const terminal = new Terminal({ write }, {});
    const code = reportFailure(error, terminal, debug);
    return { code, text };
  }

  it('that was to be expected has the exit code of its kind and its hint', () => {
    const error = new OperationError({
      code: 'port-busy',
      op: 'listen on',
      subject: 'port 1',
      message: 'taken',
      hint: 'free it',
    });
    expect(report(error)).toEqual({ code: 69, text: 'vedette: listen on port 1: taken\n  hint: free it\n' });
  });

  it('of ours has exit code 70, and says how to learn more', () => {
    expect(report(new InvariantError('queue is negative'))).toEqual({
      code: 70,
      text: 'vedette: internal error: queue is negative\n  hint: this is a fault of vedette itself; --debug shows where\n',
    });
    expect(report('a bare string').code).toBe(70);
  });

  it('tells its causes when asked, also one that is its own', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    expect(report(error, true).text).toMatch(/outer[\s\S]*caused by: Error: inner/);
    const loop = new Error('loop');
    loop.cause = loop;
    expect(report(loop, true).code).toBe(70);
  });
});
