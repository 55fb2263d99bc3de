import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Bytes of TCP payload through a proxy, by direction as its client sees it. */
export type Traffic = { readonly sent: number; readonly received: number };

/** A TCP port on loopback that passes everything on to another one, and counts it. */
export class CountedProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #sent = 0;
  #received = 0;

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#pass(client, targetPort));
  }

  static async open(targetPort: number): Promise<CountedProxy> {
    const proxy = new CountedProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  get traffic(): Traffic {
    return { sent: this.#sent, received: this.#received };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(client: Socket, targetPort: number): void {
    const target = connect(targetPort, '127.0.0.1');
    client.on('data', ({ length }) => {
      this.#sent += length;
    });
    target.on('data', ({ length }) => {
      this.#received += length;
    });
    this.#join(client, target);
    this.#join(target, client);
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
