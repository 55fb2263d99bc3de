import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const scripts = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => /^(deploy|test|\.ci)\//.test(path) && !/\.[a-z]+$/.test(path))
  .filter((path) => /^#!\/.*\b(ba)?sh\n/.test(readFileSync(path, 'utf8')));

describe('shell scripts', () => {
  it('are all found', () => {
    expect(scripts).toContain('deploy/boardctl/vedette-boardctl');
    expect(scripts).toContain('deploy/install-board');
    expect(scripts).toContain('test/setup');
  });

  it.each(scripts)('%s has nothing that shellcheck minds', (path) => {
    execFileSync('shellcheck', [path], { encoding: 'utf8' });
  });
});
