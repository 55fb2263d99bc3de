import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';

/** A plain Aedes on a loopback port, for tests of what talks to a broker but is not about ours. */
export class PlainBroker {
  readonly #aedes: Aedes;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  port = 0;

  private constructor(aedes: Aedes) {
    this.#aedes = aedes;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      aedes.handle(socket);
    });
  }

  /** @param port 0 for any free one. */
  static async open(port = 0): Promise<PlainBroker> {
    const broker = new PlainBroker(await Aedes.createBroker({ concurrency: 0 }));
    await broker.#listen(port);
    return broker;
  }

  get aedes(): Aedes {
    return this.#aedes;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Cuts every connection as a dead broker does; it goes on listening. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()));
    this.cut();
    await closed;
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        const address = this.#server.address();
        this.port = typeof address === 'object' && address !== null ? address.port : 0;
        resolve();
      });
    });
  }
}
