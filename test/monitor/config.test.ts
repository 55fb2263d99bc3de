import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../base/config.js';
import { MonitorFile } from '../../monitor/config.js';
import { inventoryFaults } from '../../monitor/inventory-check.js';

const KEY = `SHA256:${'A'.repeat(43)}`;
const BOARDS = { barn: { host: '10.0.0.1', hostKey: KEY }, hub: { host: '10.0.0.2', hostKey: KEY } };

function problems(monitor: object): string {
  const site = { name: 'farm', brokers: ['mqtt://127.0.0.1:1883'] };
  try {
    parseConfig(JSON.stringify({ site, monitor }), { path: 'site.yaml', schema: MonitorFile, env: {} });
    return '';
  } catch (error) {
    return String(error instanceof Error ? error.message : error);
  }
}

const good = { sshKeyFile: 'ssh-key', boards: BOARDS, nodes: { gate: { board: 'barn' } } };

describe('an inventory', () => {
  it('is taken as it should be', () => {
    expect(problems(good)).toBe('');
    expect(problems({ nodes: { gate: {} } })).toBe('');
  });

  it.each<[string, object, string]>([
    ['a board that is not there', { nodes: { gate: { board: 'nowhere' } } }, 'nodes.gate.board: got "nowhere"'],
    ['a broker on such a board', { brokers: { main: { board: 'nowhere' } } }, 'brokers.main.board: got "nowhere"'],
    ['one name for a node and a broker', { brokers: { gate: { board: 'hub' } } }, 'is the name of a node too'],
    [
      'one unit under two names',
      { nodes: { gate: { board: 'barn' }, twin: { board: 'barn', unit: 'vedette-edge@gate.service' } } },
      'is vedette-edge@gate.service on board barn, and so is nodes.gate',
    ],
    [
      'a unit that depends on itself',
      { nodes: { gate: { board: 'barn', dependencies: ['vedette-edge@gate.service'] } } },
      'names its own unit',
    ],
    [
      'one door for two boards',
      { boards: { ...BOARDS, attic: { host: '10.0.0.1', hostKey: KEY } } },
      'is at 10.0.0.1:22, and so is barn',
    ],
    ['boards without a key', { sshKeyFile: undefined }, 'required where there are boards'],
    ['a host key of another kind', { boards: { barn: { host: 'a', hostKey: 'MD5:aa' } } }, 'boards.barn.hostKey'],
    ['a unit of somebody else', { nodes: { gate: { board: 'barn', unit: 'sshd.service' } } }, 'nodes.gate.unit'],
    ['a web hook without an address', { webhook: {} }, 'needs url or urlFile'],
    ['a web hook with two', { webhook: { url: 'http://a', urlFile: 'b' } }, 'needs url or urlFile'],
    ['a password in the address', { webhook: { url: 'https://u:secret@a' } }, 'write the whole address into a file'],
  ])('with %s is refused, and told what is wrong', (_name, change, expected) => {
    expect(problems({ ...good, ...change })).toContain(expected);
  });

  it('with many faults is told all of them at once', () => {
    const text = problems({
      nodes: { gate: { board: 'nowhere', sight: 1 }, 'No Name': {}, a: { board: 'barn', unit: 'x' } },
      boards: { barn: { host: 'a b', hostKey: 'short', port: 0 } },
      brokers: { gate: { board: 'attic' } },
      webhook: { url: 'ftp://x' },
      plan: { mode: 'maybe' },
    });
    for (const fault of [
      'nodes.gate.board: got "nowhere"',
      'nodes.gate.sight: unknown key',
      'nodes.No Name: this key is not allowed',
      'nodes.a.unit: got "x"',
      'boards.barn.host: got "a b"',
      'boards.barn.hostKey: got "short"',
      'boards.barn.port: got 0',
      'is the name of a node too',
      'brokers.gate.board: got "attic"',
      'webhook.url: got "ftp://x"',
      'plan.mode: got "maybe"',
      'sshKeyFile: missing; required where there are boards',
    ]) {
      expect(text).toContain(fault);
    }
  });

  it.each([null, 7, 'text', [], { nodes: [] }, { nodes: 7, boards: 'x', brokers: null }])(
    'that is %j is no crash',
    (value) => {
      expect(Array.isArray(inventoryFaults(value))).toBe(true);
    },
  );
});
