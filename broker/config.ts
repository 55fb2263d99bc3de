import { z } from 'zod';
import { Id } from '../protocol/ids.js';

const MIB = 1024 * 1024;

const Host = z.string().min(1).max(255);
const Port = z.int().min(0).max(65535).describe('0 takes any free port');

/** Hosts whose listeners only this machine reaches. */
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

const TcpListener = z.strictObject({
  host: Host.default('0.0.0.0'),
  port: Port.default(1883),
});

const TlsListener = z.strictObject({
  host: Host.default('0.0.0.0'),
  port: Port.default(8883),
  certFile: z.string().min(1).describe('PEM certificate chain of this broker'),
  keyFile: z.string().min(1).describe('PEM private key of this broker'),
  clientCaFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM authority of client certificates; a valid one stands for a password, its common name for the user'),
});

const WebSocketListener = z.strictObject({
  host: Host.default('127.0.0.1'),
  port: Port.default(8083),
  allowedOrigins: z
    .array(z.string().min(1).max(255))
    .max(64)
    .default([])
    .describe('web pages that may connect, such as http://127.0.0.1:8080; programs send no origin and are not asked'),
});

/** Every limit of the broker: what is over it, what happens then and which counter tells is in `broker/README.md`. */
export const BrokerLimits = z
  .strictObject({
    packetBytesBeforeLogin: z
      .int()
      .min(256)
      .max(65_536)
      // A CONNECT of ours with a will of 400 bytes is under 1 KiB; TLS and long passwords never reach 4.
      .default(4096),
    // The largest payload of any route is 256 KiB; the rest is room for a route that is added later.
    packetBytes: z
      .int()
      .min(4096)
      .max(16 * MIB)
      .default(MIB),
    connectTimeoutMs: z.int().min(100).max(60_000).default(5000),
    // 60 s is what `mosquitto_sub` asks for by itself. Zero would mean a death that nobody ever hears of.
    keepaliveS: z.int().min(1).max(65_535).default(60),
    connections: z.int().min(1).max(100_000).default(4096),
    connectionsPerAddress: z
      .int()
      .min(1)
      .max(100_000)
      .default(2048)
      .describe('boards behind one router share an address'),
    connectionsBeforeLogin: z.int().min(1).max(10_000).default(256),
    connectionsBeforeLoginPerAddress: z.int().min(1).max(10_000).default(64),
    // Nobody waits for such a reader (`emitter.ts`), and what it holds is bounded below: this only ends what is dead. At
    // 2 s, a healthy listener of 1,000 boards was cut off on a busy machine.
    drainTimeoutMs: z
      .int()
      .min(100)
      .max(60_000)
      .default(15_000)
      .describe('a reader whose queue is not empty once in so long is cut off'),
    // 8 MiB is 2 s of 40,000 messages a second of 100 bytes: what a reader may lag before it is cut off.
    queuedBytesPerClient: z
      .int()
      .min(65_536)
      .max(1024 * MIB)
      .default(8 * MIB),
    subscriptionsPerClient: z.int().min(1).max(10_000).default(256),
    sessions: z.int().min(0).max(100_000).default(256).describe('sessions kept for readers that are away'),
    sessionMessages: z.int().min(0).max(1_000_000).default(1000).describe('as Mosquitto: the oldest give way'),
    sessionBytes: z
      .int()
      .min(0)
      .max(1024 * MIB)
      .default(4 * MIB),
    retainedTopics: z.int().min(1).max(10_000_000).default(100_000),
    retainedBytes: z
      .int()
      .min(1024)
      .max(4096 * MIB)
      .default(128 * MIB),
    // A node of 8 cameras with 10 labels has about 200 topics and a window of 64 segments of 32 KiB.
    retainedTopicsPerWriter: z.int().min(1).max(1_000_000).default(4096),
    retainedBytesPerWriter: z
      .int()
      .min(1024)
      .max(1024 * MIB)
      .default(32 * MIB),
  })
  .prefault({});
export type BrokerLimits = z.infer<typeof BrokerLimits>;

/** When the journal of retained messages reaches the disk. */
export const JournalConfig = z
  .strictObject({
    fsync: z
      .enum(['always', 'interval', 'off'])
      .default('interval')
      .describe('always: before the PUBACK, in groups; interval: at most intervalMs later; off: when the kernel does'),
    // 5 s: every fsync costs a card about 12 KiB; at 1 s that would be 1 GB a day for a home that never rests.
    intervalMs: z.int().min(10).max(600_000).default(5000),
    compactBytes: z
      .int()
      .min(4096)
      .max(1024 * MIB)
      .default(8 * MIB)
      .describe('journal size that makes a snapshot, if what is retained is not larger'),
    holdBytes: z
      .int()
      .min(4096)
      .max(256 * MIB)
      .default(4 * MIB)
      .describe('what may wait for a disk that fails; beyond it the publisher is disconnected without a PUBACK'),
  })
  .prefault({});
export type JournalConfig = z.infer<typeof JournalConfig>;

/** Section `broker` of the configuration file. */
export const BrokerConfig = z
  .strictObject({
    name: Id.default('main').describe('this broker, as in its own topics'),
    root: Id.optional().describe('first level of every topic; that of the site unless given'),
    tcp: z.union([TcpListener, z.literal(false)]).default({ host: '0.0.0.0', port: 1883 }),
    tls: TlsListener.optional(),
    websocket: WebSocketListener.optional(),
    passwordFile: z.string().min(1).optional().describe('users and roles, made by `vedette broker passwd`'),
    anonymousRead: z
      .boolean()
      .default(false)
      .describe('clients without a password may read everything; only where every listener is on loopback'),
    stateDir: z
      .string()
      .min(1)
      .optional()
      .describe('folder of the journal; the state folder of the service unless given'),
    journal: JournalConfig,
    limits: BrokerLimits,
  })
  // Also where other settings are wrong, so that all faults are told at once.
  .superRefine(checkListeners, { when: ({ value }) => isObject(value) })
  .prefault({});
export type BrokerConfig = z.infer<typeof BrokerConfig>;

/** Settings of listeners as they may arrive here, checked or not. */
type Listeners = { readonly tcp?: unknown; readonly tls?: unknown; readonly websocket?: unknown };

function checkListeners(config: Listeners & { readonly anonymousRead: unknown }, context: z.RefinementCtx): void {
  const listeners = (['tcp', 'tls', 'websocket'] as const).filter((key) => Boolean(config[key]));
  if (listeners.length === 0) {
    context.addIssue({ code: 'custom', path: ['tcp'], message: 'no listener: give tcp, tls or websocket' });
  }
  for (const key of listeners) {
    const host = hostOf(config[key]);
    if (config.anonymousRead !== true || host === undefined || LOOPBACK_HOST.test(host)) continue;
    const message = `not with ${key} on ${host}; allowed: only listeners on loopback (127.0.0.1, ::1)`;
    context.addIssue({ code: 'custom', path: ['anonymousRead'], message });
  }
}

function hostOf(listener: unknown): string | undefined {
  return isObject(listener) && 'host' in listener && typeof listener.host === 'string' ? listener.host : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
