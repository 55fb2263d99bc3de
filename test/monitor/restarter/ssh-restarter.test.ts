import { execFileSync } from 'node:child_process';
import { connect, createServer, type Socket, type Server as TcpServer } from 'node:net';
import { Server } from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';
import { makeKeyPair, SshDoor } from '../../../firmware-sim/board/ssh-door.js';
import type { BoardAddress, BoardReply } from '../../../monitor/restarter/restarter.js';
import { describeRestarter } from './restarter-contract.js';
import { fingerprintOfKey, monitorKey, openBoard, restarter, UNIT } from './simulated-door.js';

describeRestarter('SSH', openBoard);

const hostKey = makeKeyPair('host');
const pinned = fingerprintOfKey(hostKey.privateKey);
const SHORT = { connectMs: 300, handshakeMs: 400, openMs: 400, answerMs: 400 };
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function address(port: number, change: Partial<BoardAddress> = {}): BoardAddress {
  return { board: 'barn', host: '127.0.0.1', port, user: 'vedette-ctl', hostKey: pinned, ...change };
}

async function ask(target: BoardAddress): Promise<BoardReply> {
  const startedMs = performance.now();
  const reply = await restarter(SHORT).run(target, { verb: 'probe', unit: UNIT }, new AbortController().signal);
  // Whatever happens ends, and soon.
  expect(performance.now() - startedMs).toBeLessThan(3_000);
  if (reply.kind === 'fault') expect(reply.message).not.toMatch(/[\n\r]/);
  return reply;
}

/** A TCP server that is no SSH server. */
async function tcp(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: TcpServer = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address();
      resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
    });
  });
}

/** An SSH server that behaves badly after the log-in. */
async function ssh(
  onExec: (channel: import('ssh2').ServerChannel, socket: { end: () => void }) => void,
  isMute = false,
) {
  const server = new Server({ hostKeys: [hostKey.privateKey] }, (connection) => {
    connection.on('error', () => {});
    connection.on('authentication', (context) => context.accept());
    connection.on('session', (accept) => {
      const session = accept();
      session.on('exec', (acceptExec) => {
        if (!isMute) onExec(acceptExec(), { end: () => connection.end() });
      });
    });
  });
  closers.push(() => server.close());
  return new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address();
      resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
    });
  });
}

function says(text: string, code = 0) {
  return ssh((channel) => {
    channel.write(text);
    channel.exit(code);
    channel.end();
  });
}

/** Asks a real door through a wire that passes so many of its bytes and then fails in its own way. */
async function throughCut(
  real: number,
  how: 'goes silent' | 'closes' | 'talks rubbish',
  bytesMax: number,
  onEnd: (bytes: number) => void = () => {},
): Promise<BoardReply> {
  let bytes = 0;
  const port = await tcp((socket) => {
    const behind = connect(real, '127.0.0.1');
    behind.on('error', () => {});
    closers.push(() => behind.destroy());
    socket.on('data', (part) => behind.write(part));
    socket.on('close', () => behind.destroy());
    behind.on('data', (part: Buffer) => {
      const room = bytesMax - bytes;
      bytes += Math.min(room, part.byteLength);
      if (room > 0) socket.write(part.subarray(0, room));
      if (part.byteLength < room) return;
      if (how === 'closes') socket.destroy();
      if (how === 'talks rubbish') socket.write(Buffer.alloc(64, 'x'));
    });
    behind.on('close', () => {
      if (bytesMax === Number.POSITIVE_INFINITY) socket.end();
    });
  });
  const ms = bytesMax === Number.POSITIVE_INFINITY ? 10_000 : 1_000;
  const limits = { connectMs: ms, handshakeMs: ms, openMs: ms, answerMs: ms };
  const command = { verb: 'probe', unit: UNIT } as const;
  const reply = await restarter(limits).run(address(port), command, new AbortController().signal);
  onEnd(bytes);
  return reply;
}

async function door(
  onRun: () => void,
  change: Partial<ConstructorParameters<typeof SshDoor>[0]> = {},
): Promise<number> {
  const opened = new SshDoor({
    host: '127.0.0.1',
    port: 0,
    hostKey: hostKey.privateKey,
    authorizedKey: monitorKey.publicKey,
    user: 'vedette-ctl',
    run: async () => {
      onRun();
      return '{}';
    },
    ...change,
  });
  closers.push(() => void opened.close());
  return opened.open();
}

describe('a board that is not as it should be', () => {
  it('has nothing listening: unreachable', async () => {
    const port = await tcp(() => {});
    for (const close of closers.splice(0)) close();
    expect(await ask(address(port))).toMatchObject({
      fault: 'unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('accepts TCP and stays silent: hung', async () => {
    const port = await tcp(() => {});
    expect(await ask(address(port))).toMatchObject({
      fault: 'hung',
      message: expect.stringContaining('TCP is accepted, but there was no SSH log-in within 0.4 s'),
    });
  });

  it('hangs after its banner: hung', async () => {
    const port = await tcp((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'));
    expect(await ask(address(port))).toMatchObject({ fault: 'hung' });
  });

  // From the first byte of the banner over key exchange, log-in and command to the last byte of the answer.
  it.each(['goes silent', 'closes', 'talks rubbish'] as const)(
    '%s at any byte of what it has to say: one line, in time',
    async (how) => {
      const real = await door(() => {});
      let saidBytes = 0;
      const whole = await throughCut(real, how, Number.POSITIVE_INFINITY, (bytes) => {
        saidBytes = bytes;
      });
      expect(whole).toMatchObject({
        kind: 'fault',
        fault: 'garbage',
        message: expect.stringContaining('not an answer'),
      });
      expect(saidBytes).toBeGreaterThan(1_000);
      const cuts = Array.from({ length: 40 }, (_, i) => Math.floor((i / 40) * saidBytes));
      const replies: BoardReply[] = [];
      // A door has room for sixteen at a time.
      for (let at = 0; at < cuts.length; at += 8) {
        const asked = cuts.slice(at, at + 8).map((bytes) => throughCut(real, how, bytes));
        replies.push(...(await Promise.all(asked)));
      }
      const faults = replies.map((reply) => (reply.kind === 'fault' ? reply.fault : 'answer'));
      const allowed = how === 'goes silent' ? ['hung'] : ['closed', 'garbage', 'hung'];
      // Behind the answer there is only the good-bye.
      expect(faults.slice(0, 30).filter((fault) => !allowed.includes(fault))).toEqual([]);
      expect(faults.slice(30).filter((fault) => ![...allowed, 'garbage'].includes(fault))).toEqual([]);
      for (const reply of replies)
        expect(reply.kind === 'fault' && reply.message).toMatch(/^board barn \([ -~]{10,400}$/);
    },
    60_000,
  );

  it('is a web server: garbage', async () => {
    const port = await tcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(['garbage', 'closed']).toContain(((await ask(address(port))) as { fault?: string }).fault);
  });

  it('closes at once: closed', async () => {
    const port = await tcp((socket) => socket.destroy());
    expect(await ask(address(port))).toMatchObject({ kind: 'fault', fault: 'closed' });
  });

  it('shows another host key: nothing is sent, both fingerprints are named', async () => {
    let runs = 0;
    const port = await door(() => runs++);
    const wrong = fingerprintOfKey(makeKeyPair('other').privateKey);
    const reply = await ask(address(port, { hostKey: wrong }));
    expect(reply).toMatchObject({ kind: 'fault', fault: 'host-key' });
    expect(reply.kind === 'fault' && reply.message).toContain(wrong);
    expect(reply.kind === 'fault' && reply.message).toContain(pinned);
    expect(runs).toBe(0);
  });

  it("does not know the monitor's key: auth", async () => {
    const port = await door(() => {}, { authorizedKey: makeKeyPair('somebody').publicKey });
    expect(await ask(address(port))).toMatchObject({ kind: 'fault', fault: 'auth' });
  });

  it('hangs before the command starts: hung', async () => {
    const port = await ssh(() => {}, true);
    expect(await ask(address(port))).toMatchObject({ fault: 'hung', message: expect.stringContaining('not started') });
  });

  it('starts the command and never answers: hung', async () => {
    const port = await ssh(() => {});
    expect(await ask(address(port))).toMatchObject({
      fault: 'hung',
      message: expect.stringContaining('no whole answer'),
    });
  });

  it('closes in the middle of its answer: closed', async () => {
    const port = await ssh((channel, connection) => {
      channel.write('{"v":1,"helper":');
      setTimeout(() => connection.end(), 50);
    });
    expect(await ask(address(port))).toMatchObject({ fault: 'closed', message: expect.stringContaining('middle') });
  });

  it.each([
    ['text', 'hello world\n', 'not an answer of vedette-boardctl'],
    ['half a JSON', '{"v":1,', 'not an answer of vedette-boardctl'],
    ['two lines', '{}\n{}\n', 'more than one line'],
    ['another protocol', '{"v":2,"helper":"x","verb":"probe","outcome":"ok"}\n', 'not an answer'],
    ['a deep nest', `${'['.repeat(5_000)}\n`, 'nested deeper'],
    ['binary', '\u0000\u0001\u0002\u001b[31m\n', 'not an answer'],
    ['too much', `"${'x'.repeat(20_000)}"\n`, 'more than 16384 bytes'],
  ])('answers %s: garbage, in one line', async (_name, text, expected) => {
    const reply = await ask(address(await says(text)));
    expect(reply).toMatchObject({ kind: 'fault', fault: 'garbage', message: expect.stringContaining(expected) });
    expect(reply.kind === 'fault' && reply.message).toMatch(/^[ -~]*$/);
  });

  it('has no vedette-boardctl: said so, with the exit code', async () => {
    const port = await ssh((channel) => {
      channel.stderr.write('sh: 1: probe: not found\n');
      channel.exit(127);
      channel.end();
    });
    expect(await ask(address(port))).toMatchObject({
      fault: 'garbage',
      message: expect.stringMatching(/not a Vedette board: no answer, exit code 127: "sh: 1: probe: not found"/),
    });
  });

  it('never gets a command outside the grammar', async () => {
    let runs = 0;
    const port = await door(() => runs++);
    const unit = 'vedette-edge@x.service; reboot';
    const reply = await restarter(SHORT).run(address(port), { verb: 'probe', unit }, new AbortController().signal);
    expect(reply).toMatchObject({ kind: 'fault', message: expect.stringContaining('allowed: probe UNIT') });
    expect(runs).toBe(0);
  });
});

describe('the SSH library', () => {
  it('works without its native parts', () => {
    // As on a board without a compiler: nothing native can be loaded.
    const script = `
      process.dlopen = () => { throw new Error('no native parts here'); };
      const { Client, Server, utils } = require('ssh2');
      const key = utils.generateKeyPairSync('ed25519').private;
      const server = new Server({ hostKeys: [key] }, (c) => {
        c.on('error', () => {});
        c.on('authentication', (x) => x.accept());
        c.on('ready', () => { console.log('logged in'); process.exit(0); });
      }).listen(0, '127.0.0.1', () => new Client().connect({
        host: '127.0.0.1', port: server.address().port, username: 'x', privateKey: key, hostVerifier: () => true }));`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 20_000 })).toContain(
      'logged in',
    );
  });
});
