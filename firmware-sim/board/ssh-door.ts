import { createHash } from 'node:crypto';
import ssh2, { type Connection, type Server, type Session } from 'ssh2';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import { COMMAND_BYTES_MAX } from '../../protocol/board.js';

/** Sessions at a time: as many monitors as a fleet has, with room for a slow one each. */
const CONNECTIONS_MAX = 16;

export type SshDoorOptions = {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Private host key, OpenSSH. */
  readonly hostKey: string;
  /** Public key of who may come in, as a line of authorized_keys. */
  readonly authorizedKey: string;
  readonly user: string;
  /** The forced command: one line in, one line out. */
  readonly run: (line: string) => Promise<string>;
};

/** The SSH door of a simulated board: one key, one forced command, no shell, no terminal, no forwarding. */
export class SshDoor {
  readonly #options: SshDoorOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  constructor(options: SshDoorOptions) {
    this.#options = options;
    this.#server = new ssh2.Server({ hostKeys: [options.hostKey] }, (connection) => this.#onConnection(connection));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Resolves with the port. @throws OperationError `port-busy`. */
  open(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause: Error) =>
        reject(
          new OperationError({
            code: 'port-busy',
            op: 'open',
            subject: `SSH door ${host}:${port}`,
            message: systemCodeOf(cause) ?? messageOf(cause),
            cause,
          }),
        ),
      );
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(address !== null && typeof address === 'object' ? address.port : port);
      });
    });
  }

  close(): Promise<void> {
    for (const connection of this.#connections) connection.end();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #onConnection(connection: Connection): void {
    this.#connections.add(connection);
    connection.on('error', () => {});
    connection.once('close', () => this.#connections.delete(connection));
    connection.on('authentication', (context) => {
      const allowed = ssh2.utils.parseKey(this.#options.authorizedKey);
      if (context.method !== 'publickey' || allowed instanceof Error || context.username !== this.#options.user) {
        context.reject(['publickey']);
        return;
      }
      const isKnown = context.key.algo === allowed.type && context.key.data.equals(allowed.getPublicSSH());
      const { blob, signature, hashAlgo } = context;
      const isProven = signature === undefined || (blob && allowed.verify(blob, signature, hashAlgo) === true);
      if (isKnown && isProven) context.accept();
      else context.reject(['publickey']);
    });
    connection.on('session', (accept) => this.#onSession(accept()));
  }

  #onSession(session: Session): void {
    session.on('error', () => {});
    session.on('exec', (accept, _reject, { command }) => {
      const channel = accept();
      channel.on('error', () => {});
      this.#options.run(command.slice(0, COMMAND_BYTES_MAX + 1)).then(
        (line) => {
          channel.write(`${line}\n`);
          channel.exit(0);
          channel.end();
        },
        (error) => {
          channel.stderr.write(`${messageOf(error)}\n`);
          channel.exit(70);
          channel.end();
        },
      );
    });
  }
}

/** A new Ed25519 pair: private key in OpenSSH form, public key as a line of authorized_keys. */
export function makeKeyPair(comment: string): { readonly privateKey: string; readonly publicKey: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    // Now and then ssh2 (seen in 1.17.0) writes a key that it cannot read: about one in a hundred.
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error))
      return { privateKey: pair.private, publicKey: pair.public };
  }
}

/** The fingerprint of a private key's public half, as `ssh-keygen -lf` shows it. @throws Error if it is no key. */
export function hostKeyFingerprint(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  return `SHA256:${createHash('sha256').update(key.getPublicSSH()).digest('base64').replace(/=+$/, '')}`;
}
