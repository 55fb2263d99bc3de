import { decodePayload, PayloadError } from '../protocol/codec.js';
import { buildOwnPrefix, type MatchedTopic, matchTopic } from '../protocol/routes.js';
import type { Identity, Rights } from './rights.js';
import { malformedText, overLimit } from './topic-filter.js';

/** What is known of a message before it is acknowledged. */
export type PublishFacts = {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly retain: boolean;
};

/**
 * What becomes of a message.
 * `take`: journaled if retained, acknowledged, passed on. `divert`: acknowledged, told on the quarantine topic, not
 * passed on. `violation`: the same, then the connection is closed. `malformed`: not MQTT; closed without an answer.
 */
export type Verdict =
  | { readonly kind: 'take'; readonly matched: MatchedTopic }
  | { readonly kind: 'divert' | 'violation' | 'malformed'; readonly reason: string };

export type Writer = { readonly root: string; readonly identity: Identity; readonly rights: Rights };

/** Judges one message: form, rights, route, flags, size and content, in this order. Pure. */
export function judgePublish(writer: Writer, message: PublishFacts): Verdict {
  const malformed = malformedText(message.topic);
  if (malformed !== undefined) return { kind: 'malformed', reason: `topic ${malformed}` };
  // `$SYS` is the broker's own; a forged message there can end other sessions (moscajs/aedes#597).
  if (message.topic.startsWith('$')) return { kind: 'violation', reason: 'topics that start with $ are reserved' };
  const over = overLimit(message.topic);
  if (over !== undefined) return { kind: 'divert', reason: `topic ${over}` };
  if (!writer.rights.write(message.topic).allowed) return judgeForeign(writer, message.topic);
  const matched = matchTopic(writer.root, message.topic);
  if (matched === undefined) return { kind: 'divert', reason: 'no such topic, or an id outside the grammar' };
  return judgeContent(matched, message);
}

// A name outside the grammar below the own prefix is a mistake in a payload's clothes, not a theft.
function judgeForeign({ root, identity }: Writer, topic: string): Verdict {
  const kind = identity.role === 'monitor' || identity.role === 'source' ? identity.role : 'node';
  const own = identity.role !== 'anonymous' && topic.startsWith(`${buildOwnPrefix(root, kind, identity.name)}/`);
  if (own) return { kind: 'divert', reason: 'no such topic, or an id outside the grammar' };
  return { kind: 'violation', reason: `${identity.role} ${identity.name} may not write this topic` };
}

function judgeContent(matched: MatchedTopic, { payload, qos, retain }: PublishFacts): Verdict {
  const { route } = matched;
  // QoS 0 on a QoS 1 route is taken: whoever types it by hand knows what may be lost. QoS 2 is on no route.
  if (qos > 1) return { kind: 'divert', reason: `QoS ${qos}, allowed 0 and 1` };
  if (retain !== route.retain) {
    return { kind: 'divert', reason: route.retain ? 'must be retained' : 'must not be retained' };
  }
  // [MQTT-3.3.1-10]: an empty retained payload removes what is retained.
  if (retain && payload.byteLength === 0) return { kind: 'take', matched };
  try {
    decodePayload(route, payload);
    return { kind: 'take', matched };
  } catch (error) {
    if (error instanceof PayloadError) return { kind: 'divert', reason: error.message };
    throw error;
  }
}
