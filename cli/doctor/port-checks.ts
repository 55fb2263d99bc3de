import { createServer } from 'node:net';
import { systemCodeOf } from '../../base/errors.js';
import { type Finding, ok, warn } from './finding.js';

/** The ports of a default installation and what listens there. */
export const DEFAULT_PORTS: readonly { readonly port: number; readonly purpose: string }[] = [
  { port: 1883, purpose: 'MQTT' },
  { port: 8883, purpose: 'MQTT over TLS' },
  { port: 8083, purpose: 'MQTT over WebSocket' },
  { port: 8080, purpose: 'console' },
];

/** Tries to listen on a port of loopback for a moment. */
export function checkPort(port: number, purpose: string): Promise<Finding> {
  return new Promise((resolve) => {
    const check = `port ${port}`;
    const server = createServer();
    server.once('error', (error) => {
      const code = systemCodeOf(error) ?? 'error';
      const isBusy = code === 'EADDRINUSE';
      const hint = isBusy ? `find out by whom: ss -ltnp 'sport = :${port}'` : 'choose another port';
      resolve(warn(check, `${isBusy ? 'taken' : code} (${purpose})`, hint));
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(ok(check, `free (${purpose})`)));
    });
  });
}
