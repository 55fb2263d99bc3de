import { z } from 'zod';
import { HassDevice, HassPresence } from './home-assistant.js';
import { EPOCH_PATTERN, ID_PATTERN } from './ids.js';
import { SNAPSHOT_BYTES_MAX } from './picture-limits.js';
import { Answer, Query } from './query.js';
import { CameraEvent, Command, CommandResult, Fill, Head, Live, Need } from './record.js';
import { Frontier, Poll, ReplicaState, Vote } from './replica.js';
import { Audit, Boxes, Claims, Offer, SourceInfo, Verdict } from './sharing.js';
import {
  Alert,
  Beat,
  BrokerEpoch,
  BrokerStall,
  BrokerStats,
  CameraState,
  Health,
  Incident,
  Maintenance,
  NodeInfo,
  Notice,
  Quarantined,
  Roster,
  SensorReading,
  Status,
} from './status.js';

/** Topic major: a level of every topic. A change that old readers cannot ignore raises it. */
export const TOPIC_MAJOR = 1;
export const DEFAULT_ROOT = 'vedette';

const KIB = 1024;

/** Names of the placeholders in a pattern: `node/<node>/camera/<camera>/state` -> `node` or `camera`. */
export type ParamNames<P extends string> = P extends `${string}<${infer Name}>${infer Rest}`
  ? Name | ParamNames<Rest>
  : never;
export type Params<P extends string> = Readonly<Record<ParamNames<P>, string>>;

/**
 * One kind of message: where it travels, how, how large it may be and what it says.
 * `json` payloads are one object checked by `schema`; `text` is UTF-8 checked by it; `bytes` is not looked into;
 * `picture` is one JSON object, a line feed, and the bytes of its field `picture`.
 */
export type Route<P extends string = string, S extends z.ZodType = z.ZodType> = {
  readonly pattern: P;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly payloadBytesMax: number;
  readonly encoding: 'json' | 'text' | 'bytes' | 'picture';
  readonly schema: S;
  /** Who may write it: the identity named in the topic by this placeholder, or operators. */
  readonly writer: 'node' | 'broker' | 'monitor' | 'sender' | 'source' | 'operator' | 'home-assistant';
  /** Present where the pattern is the whole topic, without our root and major: a convention of another program. */
  readonly isForeign?: true;
};

export type PayloadOf<R> = R extends Route<string, infer S> ? z.infer<S> : never;

function json<P extends string, S extends z.ZodType>(
  pattern: P,
  writer: Route['writer'],
  schema: S,
  options: { qos?: 0 | 1; retain?: boolean; payloadBytesMax?: number } = {},
): Route<P, S> {
  return {
    pattern,
    writer,
    schema,
    encoding: 'json',
    qos: options.qos ?? 1,
    retain: options.retain ?? false,
    payloadBytesMax: options.payloadBytesMax ?? 4096,
  };
}

function text<P extends string, S extends z.ZodType>(pattern: P, schema: S): Route<P, S> {
  return { pattern, writer: 'node', schema, encoding: 'text', qos: 1, retain: true, payloadBytesMax: 16 };
}

function bytes<P extends string>(
  pattern: P,
  writer: Route['writer'],
  options: { qos?: 0 | 1; retain: boolean; payloadBytesMax: number },
): Route<P, z.ZodType<Uint8Array>> {
  return { pattern, writer, schema: z.instanceof(Uint8Array), encoding: 'bytes', qos: 1, ...options };
}

function picture<P extends string, S extends z.ZodType<{ readonly picture: Uint8Array }>>(
  pattern: P,
  schema: S,
): Route<P, S> {
  const payloadBytesMax = 256 * KIB;
  return { pattern, writer: 'sender', schema, encoding: 'picture', qos: 1, retain: false, payloadBytesMax };
}

/**
 * Every message Vedette sends. Topic strings exist only here.
 * Sizes: 64 KiB is what small brokers and cloud bridges still take (AWS IoT 128 KB, old EMQX retainer 64 KB);
 * pictures are the exception, at what a 640 px JPEG of a busy scene needs four times over.
 */
export const routes = {
  brokerEpoch: json('broker/<broker>/epoch', 'broker', BrokerEpoch, { retain: true }),
  brokerStall: json('broker/<broker>/stall', 'broker', BrokerStall),
  brokerStats: json('broker/<broker>/stats', 'broker', BrokerStats, {
    retain: true,
    qos: 0,
    payloadBytesMax: 16 * KIB,
  }),
  brokerQuarantine: json('broker/<broker>/quarantine', 'broker', Quarantined),
  status: json('node/<node>/status', 'node', Status, { retain: true }),
  info: json('node/<node>/info', 'node', NodeInfo, { retain: true, payloadBytesMax: 64 * KIB }),
  beat: json('node/<node>/beat', 'node', Beat, { qos: 0, payloadBytesMax: 16 * KIB }),
  health: json('node/<node>/health', 'node', Health, { retain: true, payloadBytesMax: 16 * KIB }),
  live: json('node/<node>/live', 'node', Live, { payloadBytesMax: 64 * KIB }),
  head: json('node/<node>/head', 'node', Head, { retain: true, payloadBytesMax: 16 * KIB }),
  segment: bytes('node/<node>/segment/<epoch>/<n>', 'node', { retain: true, payloadBytesMax: 64 * KIB }),
  keptHead: json('node/<node>/kept/<other>/head', 'node', Head, { retain: true, payloadBytesMax: 16 * KIB }),
  keptSegment: bytes('node/<node>/kept/<other>/segment/<epoch>/<n>', 'node', {
    retain: true,
    payloadBytesMax: 64 * KIB,
  }),
  frontier: json('node/<node>/frontier', 'node', Frontier, { payloadBytesMax: 64 * KIB }),
  replica: json('node/<node>/replica', 'node', ReplicaState, { retain: true, payloadBytesMax: 16 * KIB }),
  cameraEvent: json('node/<node>/camera/<camera>/event', 'node', CameraEvent),
  cameraState: json('node/<node>/camera/<camera>/state', 'node', CameraState, { retain: true }),
  motion: text('node/<node>/camera/<camera>/motion', z.enum(['ON', 'OFF'])),
  count: text('node/<node>/camera/<camera>/count/<label>', z.string().regex(/^\d{1,6}$/, 'allowed: a bare integer')),
  snapshot: bytes('node/<node>/camera/<camera>/snapshot/<label>', 'node', {
    retain: true,
    payloadBytesMax: SNAPSHOT_BYTES_MAX,
  }),
  sensor: json('node/<node>/sensor/<sensor>', 'node', SensorReading, { retain: true }),
  alert: json('node/<node>/alert/<rule>', 'node', Alert, { retain: true }),
  claims: json('node/<node>/claims', 'node', Claims, { retain: true, payloadBytesMax: 64 * KIB }),
  // A frame that is lost is followed by the next one; nobody waits for its PUBACK.
  sourceFrame: bytes('source/<source>/frame', 'source', { qos: 0, retain: false, payloadBytesMax: 512 * KIB }),
  sourceInfo: json('source/<source>/info', 'source', SourceInfo, { retain: true }),
  monitorStatus: json('monitor/<monitor>/status', 'monitor', Status, { retain: true }),
  roster: json('monitor/<monitor>/roster', 'monitor', Roster, { retain: true, payloadBytesMax: 64 * KIB }),
  incident: json('monitor/<monitor>/incident/<node>', 'monitor', Incident, { retain: true, payloadBytesMax: 64 * KIB }),
  notice: json('monitor/<monitor>/notice', 'monitor', Notice),
  maintenance: json('maintenance/<node>', 'operator', Maintenance, { retain: true }),
  need: json('to/<recipient>/need/<sender>', 'sender', Need, { payloadBytesMax: 16 * KIB }),
  fill: json('to/<recipient>/fill/<sender>', 'sender', Fill, { payloadBytesMax: 64 * KIB }),
  poll: json('to/<recipient>/poll/<sender>', 'sender', Poll),
  vote: json('to/<recipient>/vote/<sender>', 'sender', Vote, { payloadBytesMax: 16 * KIB }),
  query: json('to/<recipient>/query/<sender>', 'sender', Query, { payloadBytesMax: 64 * KIB }),
  answer: json('to/<recipient>/answer/<sender>', 'sender', Answer, { payloadBytesMax: 64 * KIB }),
  offer: picture('to/<recipient>/offer/<sender>', Offer),
  boxes: json('to/<recipient>/boxes/<sender>', 'sender', Boxes, { payloadBytesMax: 64 * KIB }),
  audit: picture('to/<recipient>/audit/<sender>', Audit),
  verdict: json('to/<recipient>/verdict/<sender>', 'sender', Verdict, { payloadBytesMax: 64 * KIB }),
  result: json('to/<recipient>/result/<sender>', 'sender', CommandResult, { payloadBytesMax: 64 * KIB }),
  command: json('to/<recipient>/cmd/<verb>/<sender>', 'sender', Command, { payloadBytesMax: 16 * KIB }),
  hassDevice: {
    ...json('homeassistant/device/vedette/<node>/config', 'node', HassDevice, {
      retain: true,
      payloadBytesMax: 64 * KIB,
    }),
    isForeign: true,
  },
  hassStatus: {
    pattern: 'homeassistant/status',
    writer: 'home-assistant',
    schema: HassPresence,
    encoding: 'text',
    qos: 1,
    retain: false,
    payloadBytesMax: 16,
    isForeign: true,
  },
} as const;

export type RouteName = keyof typeof routes;

const LEVEL_PATTERN: Readonly<Record<string, RegExp>> = { epoch: EPOCH_PATTERN, n: /^\d{8}$/ };

function levelPattern(name: string): RegExp {
  return LEVEL_PATTERN[name] ?? ID_PATTERN;
}

function placeholder(level: string): string | undefined {
  return level.startsWith('<') && level.endsWith('>') ? level.slice(1, -1) : undefined;
}

/** A param of a topic outside its grammar. Names the param and what is allowed. */
export class TopicError extends Error {}

/** Builds a topic name. @throws TopicError if a param is outside its grammar. */
export function buildTopic<P extends string>(root: string, route: Route<P>, params: Params<P>): string {
  return buildLevels(root, route, params, () => {
    throw new TopicError(`a param of ${route.pattern} is missing`);
  });
}

/** Builds a topic filter: params that are left out become `+`. */
export function buildFilter<P extends string>(root: string, route: Route<P>, params: Partial<Params<P>> = {}): string {
  return buildLevels(root, route, params, () => '+');
}

function buildLevels(root: string, { pattern, isForeign }: Route, params: object, onMissing: () => string): string {
  const values = new Map<string, unknown>(Object.entries(params));
  const levels = pattern.split('/').map((level) => {
    const name = placeholder(level);
    if (name === undefined) return level;
    const value = values.get(name);
    if (value === undefined) return onMissing();
    const allowed = levelPattern(name);
    if (typeof value !== 'string' || !allowed.test(value)) {
      throw new TopicError(`${name} ${JSON.stringify(value)} is not allowed in ${pattern}; allowed: ${allowed.source}`);
    }
    return value;
  });
  return isForeign === true ? levels.join('/') : `${root}/${TOPIC_MAJOR}/${levels.join('/')}`;
}

export type MatchedTopic = {
  readonly name: RouteName;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
};

type CompiledRoute = { readonly name: RouteName; readonly route: Route; readonly levels: readonly string[] };

const compiled: readonly CompiledRoute[] = Object.entries(routes).flatMap(([key, route]) =>
  isRouteName(key) ? [{ name: key, route, levels: route.pattern.split('/') }] : [],
);

function isRouteName(key: string): key is RouteName {
  return key in routes;
}

/** Finds the route a topic name belongs to; undefined if it is none of ours or a level is outside its grammar. */
export function matchTopic(root: string, topic: string): MatchedTopic | undefined {
  const prefix = `${root}/${TOPIC_MAJOR}/`;
  const isOurs = topic.startsWith(prefix);
  const levels = (isOurs ? topic.slice(prefix.length) : topic).split('/');
  for (const candidate of compiled) {
    if ((candidate.route.isForeign === true) === isOurs) continue;
    const params = matchLevels(candidate.levels, levels);
    if (params !== undefined) return { name: candidate.name, route: candidate.route, params };
  }
  return undefined;
}

function matchLevels(pattern: readonly string[], levels: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== levels.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, expected] of pattern.entries()) {
    const level = levels[i] ?? '';
    const name = placeholder(expected);
    if (name === undefined) {
      if (expected !== level) return undefined;
    } else {
      if (!levelPattern(name).test(level)) return undefined;
      params[name] = level;
    }
  }
  return params;
}

/** Everything below the root, for `mosquitto_sub` lines and read-all rights. */
export function buildRootFilter(root: string): string {
  return `${root}/#`;
}

/** The topic prefix of everything one writer owns, without a trailing slash: `vedette/1/node/cam1`. */
export function buildOwnPrefix(root: string, kind: 'node' | 'broker' | 'monitor' | 'source', id: string): string {
  return `${root}/${TOPIC_MAJOR}/${kind}/${id}`;
}

/** Everything that is on a broker of ours, `$SYS` aside. */
export const EVERYTHING_FILTER = '#';

/** Filter of everything addressed to one client: `vedette/1/to/<me>/#`. */
export function buildInboxFilter(root: string, id: string): string {
  return `${root}/${TOPIC_MAJOR}/to/${id}/#`;
}
