export type Qos = 0 | 1;

/**
 * A message as it travels in the simulator. The payload is handed on by reference, so that nothing is encoded on the way:
 * nobody may change it after publishing. `undefined` is the empty payload.
 */
export type SimulatedMessage = {
  readonly topic: string;
  readonly payload: unknown;
  /** What it would take on the wire; 0 where the publisher did not say. */
  readonly bytes: number;
  readonly qos: Qos;
  readonly retain: boolean;
};

/** A message as a subscriber gets it: `retain` only on a replay of what was retained before. */
export type DeliveredMessage = SimulatedMessage & { readonly dup: boolean };

/** What a broker publishes for a client whose connection ended without DISCONNECT. */
export type SimulatedWill = Omit<SimulatedMessage, 'bytes'>;

/** Whether a topic name matches a topic filter [MQTT-4.7]. */
export function matchesFilter(filter: string, topic: string): boolean {
  if (filter === topic) return true;
  // A wildcard at the first level does not match topics that begin with $ [MQTT-4.7.2-1].
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false;
  let at = 0;
  let from = 0;
  // Level by level, without taking the texts apart: this is asked for every retained message at every SUBSCRIBE.
  for (;;) {
    if (filter[from] === '#') return true;
    const filterEnd = endOfLevel(filter, from);
    const topicEnd = endOfLevel(topic, at);
    const isAny = filter[from] === '+' && filterEnd === from + 1;
    if (!isAny && !(filterEnd - from === topicEnd - at && topic.startsWith(filter.slice(from, filterEnd), at)))
      return false;
    const isFilterOver = filterEnd === filter.length;
    if (topicEnd === topic.length) return isFilterOver || filter.slice(filterEnd) === '/#';
    if (isFilterOver) return false;
    from = filterEnd + 1;
    at = topicEnd + 1;
  }
}

function endOfLevel(text: string, from: number): number {
  const end = text.indexOf('/', from);
  return end < 0 ? text.length : end;
}
