import { LoadClient, type Login, publishPacket } from './load-client.js';

/** Messages in flight: enough that no end waits for a round trip. */
const WINDOW = 200;

export type Load = {
  readonly port: number;
  readonly publisher: Login;
  readonly readers: readonly Login[];
  readonly topic: string;
  readonly retain: boolean;
  readonly messages: number;
  readonly payload: (i: number) => Buffer;
};

/** Publishes QoS 1 as fast as PUBACKs come; gives messages per second until the last reader has the last one. */
export async function runLoad(load: Load): Promise<number> {
  const clients: LoadClient[] = [];
  try {
    let missing = load.messages * load.readers.length;
    let onDone = () => {};
    const done = new Promise<void>((resolve) => {
      onDone = resolve;
    });
    for (const login of load.readers) {
      const reader = new LoadClient(load.port);
      clients.push(reader);
      await reader.logIn(login);
      await reader.subscribe(load.topic);
      reader.onMessage = ({ isRetained }) => {
        // The replay of what was retained before is not ours.
        if (!isRetained && --missing === 0) onDone();
      };
    }
    const publisher = new LoadClient(load.port);
    clients.push(publisher);
    await publisher.logIn(load.publisher);
    const before = performance.now();
    publishAll(publisher, load.messages, (number) => ({
      topic: load.topic,
      payload: load.payload(number),
      retain: load.retain,
    }));
    await done;
    return (load.messages / (performance.now() - before)) * 1000;
  } finally {
    for (const client of clients) client.close();
  }
}

type Message = { readonly topic: string; readonly payload: Buffer; readonly retain?: boolean };

/** Publishes so many messages at QoS 1, no more than a window of them unacknowledged; resolves with the last PUBACK. */
export function publishAll(
  publisher: LoadClient,
  messages: number,
  message: (number: number) => Message,
  window = WINDOW,
): Promise<void> {
  let sent = 0;
  let acked = 0;
  return new Promise((done) => {
    const pump = () => {
      const batch: Buffer[] = [];
      for (; sent < messages && sent - acked < window; sent++) {
        batch.push(publishPacket({ ...message(sent), number: sent }));
      }
      if (batch.length > 0) publisher.send(Buffer.concat(batch));
      if (acked >= messages) done();
    };
    publisher.onAck = () => acked++;
    publisher.onBatch = pump;
    pump();
  });
}

const TICK_MS = 4;

/**
 * Calls `send` so many times, evenly at this rate, whatever happens to what was sent: a queue that forms must show.
 * It gets the moment at which each was due (ms of `performance.now`), which a busy sender may miss.
 */
export async function paced(
  messages: number,
  ratePerS: number,
  send: (number: number, dueMs: number) => void,
): Promise<void> {
  const startMs = performance.now();
  let number = 0;
  while (number < messages) {
    const due = Math.min(messages, 1 + Math.floor(((performance.now() - startMs) / 1000) * ratePerS));
    for (; number < due; number++) send(number, startMs + (number * 1000) / ratePerS);
    await new Promise((done) => setTimeout(done, TICK_MS));
  }
}

/** Waits until it holds, or so long; whether it held. */
export async function settled(holds: () => boolean, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > endMs) return false;
    await new Promise((done) => setTimeout(done, TICK_MS));
  }
  return true;
}
