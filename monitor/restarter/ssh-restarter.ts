import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import ssh2, { type ClientChannel } from 'ssh2';
import type { Clock } from '../../base/clock.js';
import { messageOf, systemCodeOf } from '../../base/errors.js';
import { ANSWER_BYTES_MAX, type BoardCommand, buildBoardCommand, decodeBoardAnswer } from '../../protocol/board.js';
import type { BoardFault, BoardFaultKind } from '../plan/probe-table.js';
import { RESTARTER_LIMITS, type RestarterLimits } from './limits.js';
import type { BoardAddress, BoardReply, Restarter } from './restarter.js';

export type SshRestarterOptions = {
  /** The monitor's private key, OpenSSH or PEM. */
  readonly privateKey: string | Buffer;
  readonly clock: Clock;
  readonly limits?: Partial<RestarterLimits>;
};

/** The fingerprint of a host key as OpenSSH writes it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Carries orders over SSH. Every order is a connection of its own: a late one from an old incident finds nothing open. */
export class SshRestarter implements Restarter {
  readonly #options: SshRestarterOptions;
  readonly #limits: RestarterLimits;

  constructor(options: SshRestarterOptions) {
    this.#options = options;
    this.#limits = { ...RESTARTER_LIMITS, ...options.limits };
  }

  async run(address: BoardAddress, command: BoardCommand, signal: AbortSignal): Promise<BoardReply> {
    const session = new SshSession(address, this.#options, this.#limits);
    try {
      const line = buildBoardCommand(command);
      return await session.run(line, signal);
    } catch (error) {
      return error instanceof StageError
        ? fault(address, error.fault, error.message)
        : fault(address, 'closed', messageOf(error));
    } finally {
      session.end();
    }
  }
}

class StageError extends Error {
  readonly fault: BoardFaultKind;

  constructor(fault: BoardFaultKind, message: string) {
    super(message);
    this.fault = fault;
  }
}

function fault({ board, host, port }: BoardAddress, kind: BoardFaultKind, message: string): BoardFault {
  // A foreign server's words may be in it.
  const plain = message.replace(/[^ -~]+/g, ' ').slice(0, 300);
  return { kind: 'fault', fault: kind, message: `board ${board} (${host}:${port}): ${plain}` };
}

/** One connection, stage by stage. Each stage has its own end in time and its own words. */
class SshSession {
  readonly #address: BoardAddress;
  readonly #options: SshRestarterOptions;
  readonly #limits: RestarterLimits;
  readonly #client = new ssh2.Client();
  #socket: Socket | undefined;
  #wrongKey: string | undefined;

  constructor(address: BoardAddress, options: SshRestarterOptions, limits: RestarterLimits) {
    this.#address = address;
    this.#options = options;
    this.#limits = limits;
    // Errors between the stages find no listener of their own, and would end the process.
    this.#client.on('error', () => {});
  }

  async run(line: string, signal: AbortSignal): Promise<BoardReply> {
    const { connectMs, handshakeMs, openMs, answerMs } = this.#limits;
    const within = <T>(ms: number, kind: BoardFaultKind, what: string, stage: Stage<T>) =>
      this.#within(ms, kind, what, signal, stage);
    const socket = await within<Socket>(connectMs, 'unreachable', 'no TCP connection', (stage) => this.#connect(stage));
    await within<void>(handshakeMs, 'hung', 'TCP is accepted, but there was no SSH log-in', (stage) =>
      this.#logIn(socket, stage),
    );
    const reading = await within<Reading>(openMs, 'hung', 'the command was not started', (stage) =>
      this.#open(line, stage),
    );
    const text = await within<string>(answerMs, 'hung', 'no whole answer', (stage) => this.#finish(reading, stage));
    try {
      return { kind: 'answer', answer: decodeBoardAnswer(text) };
    } catch (error) {
      throw new StageError('garbage', `not an answer of vedette-boardctl (${messageOf(error)}): ${excerpt(text)}`);
    }
  }

  end(): void {
    this.#client.end();
    // A board that hangs would keep the half-closed connection for ever.
    this.#client.destroy();
    this.#socket?.destroy();
  }

  #within<T>(ms: number, kind: BoardFaultKind, what: string, signal: AbortSignal, run: Stage<T>): Promise<T> {
    const over = new AbortController();
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#options.clock.after(ms, () =>
        reject(new StageError(kind, `${what} within ${(ms / 1000).toFixed(1)} s`)),
      );
      const onAbort = () => reject(new StageError('closed', 'the monitor stops'));
      signal.addEventListener('abort', onAbort, { once: true });
      over.signal.addEventListener('abort', () => {
        cancel();
        signal.removeEventListener('abort', onAbort);
      });
      if (signal.aborted) onAbort();
      run({ resolve, fail: (kind, message) => reject(new StageError(kind, message)) });
    }).finally(() => over.abort());
  }

  #connect({ resolve, fail }: StageEnd<Socket>): void {
    const { host, port } = this.#address;
    const socket = connect({ host, port });
    this.#socket = socket;
    socket.once('connect', () => resolve(socket));
    socket.on('error', (error) => fail('unreachable', `no TCP connection: ${systemCodeOf(error) ?? error.message}`));
  }

  #logIn(sock: Socket, { resolve, fail }: StageEnd<void>): void {
    const { user, hostKey } = this.#address;
    this.#client.once('ready', () => resolve());
    this.#client.on('error', (error) => this.#onLogInError(error, fail));
    this.#client.once('close', () => fail('closed', 'closed by the board before the log-in'));
    this.#client.connect({
      sock,
      username: user,
      privateKey: this.#options.privateKey,
      readyTimeout: 0,
      // One kind of key, so that the pinned fingerprint is of the key that is shown.
      algorithms: { serverHostKey: ['ssh-ed25519'] },
      // No key is offered, and nothing else sent, to a host that is not the pinned one.
      hostVerifier: (key: Buffer) => {
        const shown = fingerprintOf(key);
        if (shown !== hostKey) this.#wrongKey = shown;
        return shown === hostKey;
      },
    });
  }

  #onLogInError(error: Error & { level?: string }, fail: StageEnd<void>['fail']): void {
    if (this.#wrongKey !== undefined) {
      const { hostKey } = this.#address;
      fail(
        'host-key',
        `HOST KEY CHANGED: the inventory has ${hostKey}, the host shows ${this.#wrongKey}; not connected`,
      );
    } else if (error.level === 'client-authentication') {
      fail('auth', `log-in as ${this.#address.user} refused: the board does not know the monitor's key`);
    } else if (/^Connection lost/.test(error.message)) {
      fail('closed', 'closed by the board before the log-in');
    } else if (error.level === 'protocol' || error.level === 'handshake') {
      fail('garbage', `no SSH server we can talk to: ${error.message}`);
    } else fail('closed', error.message);
  }

  #open(line: string, { resolve, fail }: StageEnd<Reading>): void {
    this.#client.once('close', () => fail('closed', 'closed by the board before the command ran'));
    this.#client.exec(line, (error, channel) => {
      if (error) fail('garbage', `the command was refused: ${error.message}`);
      // At once: the exit status may be in the same packet, and is told only to who listens already.
      else resolve(this.#read(channel));
    });
  }

  #read(channel: ClientChannel): Reading {
    const reading: Reading = { parts: [], bytes: 0, said: '', exit: undefined, isOver: false, onChange: () => {} };
    channel.on('data', (part: Buffer) => {
      reading.bytes += part.byteLength;
      if (reading.bytes <= ANSWER_BYTES_MAX) reading.parts.push(part);
      reading.onChange();
    });
    channel.stderr.on('data', (part: Buffer) => {
      if (reading.said.length < this.#limits.errorBytesMax) reading.said += part.toString('latin1');
    });
    channel.on('exit', (code: number | null, signalName?: string) => {
      reading.exit = code === null ? `signal ${signalName ?? '?'}` : `exit code ${code}`;
    });
    const over = () => {
      reading.isOver = true;
      reading.onChange();
    };
    channel.on('close', over);
    this.#client.once('close', over);
    return reading;
  }

  #finish(reading: Reading, { resolve, fail }: StageEnd<string>): void {
    reading.onChange = () => {
      const { bytes, isOver, exit, said, parts } = reading;
      if (bytes > ANSWER_BYTES_MAX) fail('garbage', `more than ${ANSWER_BYTES_MAX} bytes of answer`);
      else if (!isOver) return;
      else if (exit === undefined) fail('closed', 'closed in the middle of the answer');
      else if (bytes === 0) fail('garbage', `not a Vedette board: no answer, ${exit}: ${excerpt(said)}`);
      else resolve(Buffer.concat(parts).toString('utf8'));
    };
    reading.onChange();
  }
}

/** An answer as it comes in. */
type Reading = {
  readonly parts: Buffer[];
  bytes: number;
  said: string;
  exit: string | undefined;
  isOver: boolean;
  onChange: () => void;
};

type StageEnd<T> = {
  readonly resolve: (value: T) => void;
  readonly fail: (kind: BoardFaultKind, message: string) => void;
};
type Stage<T> = (end: StageEnd<T>) => void;

/** What a person can be shown of bytes that nobody vouches for. */
function excerpt(text: string): string {
  const plain = text
    .slice(0, 120)
    .replace(/[^ -~]+/g, ' ')
    .trim();
  return plain === '' ? '(nothing printable)' : JSON.stringify(plain.slice(0, 80));
}
