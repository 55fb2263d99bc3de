import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a TCP port on loopback that can be shut, as a network is that falls in two. Shut until it is opened. */
export class TcpGate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isOpen = false;

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#pass(client, targetPort));
  }

  static async to(targetPort: number): Promise<TcpGate> {
    const gate = new TcpGate(targetPort);
    gate.#server.listen(0, '127.0.0.1');
    await once(gate.#server, 'listening');
    return gate;
  }

  get url(): string {
    const address = this.#server.address();
    return `mqtt://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
  }

  open(): void {
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(client: Socket, targetPort: number): void {
    if (!this.#isOpen) {
      client.destroy();
      return;
    }
    const target = connect(targetPort, '127.0.0.1');
    this.#join(client, target);
    this.#join(target, client);
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
