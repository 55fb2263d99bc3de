// Longest topic of ours: root, major, `node`, id, `camera`, id, `snapshot`, label: under 180 bytes.
export const TOPIC_BYTES_MAX = 256;
export const TOPIC_LEVELS_MAX = 16;

/**
 * Why a topic name or filter is not text a client may send at all: U+0000, or bytes that were not UTF-8 (the parser
 * put U+FFFD in their place). [MQTT-1.5.3-1] [MQTT-1.5.3-2]: the connection must be closed. Undefined if it is text.
 */
export function malformedText(text: string): string | undefined {
  if (text.includes('\u0000')) return 'contains U+0000';
  if (text.includes('\uFFFD')) return 'is not UTF-8';
  return undefined;
}

/** Why a topic name or filter is over our limits; undefined if it is within. Empty levels are not allowed. */
export function overLimit(topic: string): string | undefined {
  if (Buffer.byteLength(topic) > TOPIC_BYTES_MAX) return `longer than ${TOPIC_BYTES_MAX} bytes`;
  const levels = topic.split('/');
  if (levels.length > TOPIC_LEVELS_MAX) return `more than ${TOPIC_LEVELS_MAX} levels`;
  if (levels.includes('')) return 'has an empty level';
  return undefined;
}

/**
 * True only if every topic name that matches `inner` also matches `outer`. Both are topic filters; a topic name is one,
 * too. Says no to a bare `#` in anything but `#`, although `+/#` has it, too: no right of ours begins with a `+`.
 * Text comparison is not enough: a `#` below a `+` would slip through.
 */
export function containsFilter(outer: readonly string[], inner: readonly string[]): boolean {
  // [MQTT-4.7.2-1]
  if (inner[0]?.startsWith('$') === true && (outer[0] === '#' || outer[0] === '+')) return false;
  for (let i = 0; ; i++) {
    const allowed = outer[i];
    const asked = inner[i];
    // `a/#` also matches `a` itself [MQTT-4.7.1-2].
    if (allowed === '#') return true;
    if (asked === undefined || allowed === undefined) return asked === allowed;
    if (asked === '#') return false;
    if (allowed !== '+' && allowed !== asked) return false;
  }
}
