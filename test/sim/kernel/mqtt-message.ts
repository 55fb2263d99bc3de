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
  if (!filter.includes('+') && !filter.endsWith('#')) return false;
  const levels = topic.split('/');
  const wanted = filter.split('/');
  // A wildcard at the first level does not match topics that begin with $ [MQTT-4.7.2-1].
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true;
    if (i >= levels.length) return false;
    if (level !== '+' && level !== levels[i]) return false;
  }
  return wanted.length === levels.length;
}
