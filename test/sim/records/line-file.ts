/** A line as it lies in a file of a simulated program: its checksum, a blank, its text. */
export function encodeLine(text: string): Uint8Array {
  return Buffer.from(`${checksum(text)} ${text}\n`);
}

export type LinesRead = {
  /** Lines whose checksum holds. */
  readonly texts: readonly string[];
  /** Lines before the last good one whose checksum does not. */
  readonly rotten: number;
  /** Bytes up to the end of the last good line: what follows is a torn end. */
  readonly goodLength: number;
};

export function decodeLines(bytes: Uint8Array): LinesRead {
  const content = Buffer.from(bytes).toString('latin1');
  const texts: string[] = [];
  let bad = 0;
  let rotten = 0;
  let goodLength = 0;
  let at = 0;
  for (;;) {
    const end = content.indexOf('\n', at);
    if (end < 0) break;
    const text = Buffer.from(content.slice(at + 9, end), 'latin1').toString('utf8');
    if (content.slice(at, at + 8) === checksum(text)) {
      texts.push(text);
      rotten = bad;
      goodLength = end + 1;
    } else bad++;
    at = end + 1;
  }
  return { texts, rotten, goodLength };
}

/** FNV-1a over UTF-16 units, 8 hex digits: against rot, not against people. */
export function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
