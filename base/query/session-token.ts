import { EPOCH_PATTERN, ID_PATTERN } from '../../protocol/ids.js';
import { OperationError } from '../errors.js';
import { type LogPosition, logKey } from './log-bounds.js';

/** Logs a token names at most; the ones seen longest ago go first. At 10 bytes each, 40 KB. */
export const TOKEN_LOGS_MAX = 4_096;

const VERSION = 1;
const EPOCH_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * What a reader has seen of every log, the one seen longest ago first. Handed to the next query it guarantees that this
 * one, whoever answers, sees no less (Terry et al., Session Guarantees, 1994: read your writes, monotonic reads).
 */
export class SessionToken {
  readonly #seqs: ReadonlyMap<string, LogPosition>;

  constructor(positions: Iterable<LogPosition> = []) {
    this.#seqs = new Map([...positions].map((position) => [logKey(position), position]));
  }

  get size(): number {
    return this.#seqs.size;
  }

  positions(): readonly LogPosition[] {
    return [...this.#seqs.values()];
  }

  /** Seq seen of a log; 0 if nothing. */
  seqOf(node: string, epoch: string): number {
    return this.#seqs.get(logKey({ node, epoch }))?.seq ?? 0;
  }

  /** The token after more was seen, and some logs were found to have expired as a whole. */
  advance(seen: readonly LogPosition[], expired: ReadonlySet<string> = new Set()): SessionToken {
    const next = new Map(this.#seqs);
    for (const position of seen) {
      const key = logKey(position);
      const seq = Math.max(position.seq, next.get(key)?.seq ?? 0);
      next.delete(key);
      if (seq > 0) next.set(key, { ...position, seq });
    }
    const kept = [...next].filter(([key]) => !expired.has(key));
    return new SessionToken(kept.slice(-TOKEN_LOGS_MAX).map(([, position]) => position));
  }

  /** Base64url: version, then per run of logs of one node its name, their number, and 8 bytes of epoch and a varint each. */
  encode(): string {
    const bytes: number[] = [VERSION];
    for (const { node, logs } of runsByNode(this.positions())) {
      bytes.push(node.length, ...Buffer.from(node, 'latin1'));
      pushVarint(bytes, logs.length);
      for (const { epoch, seq } of logs) {
        pushEpoch(bytes, epoch);
        pushVarint(bytes, seq);
      }
    }
    return Buffer.from(bytes).toString('base64url');
  }

  /** @throws OperationError payload-invalid for a text that `encode` did not make */
  static decode(text: string): SessionToken {
    const reader = new ByteReader(Buffer.from(text, 'base64url'));
    if (reader.byte() !== VERSION) throw malformed('unknown version');
    const positions: LogPosition[] = [];
    while (!reader.isAtEnd) {
      const node = reader.text(reader.byte());
      if (!ID_PATTERN.test(node)) throw malformed('a name that is none of a node');
      for (let logs = reader.varint(); logs > 0; logs--) {
        positions.push({ node, epoch: reader.epoch(), seq: reader.varint() });
        if (positions.length > TOKEN_LOGS_MAX) throw malformed(`more than ${TOKEN_LOGS_MAX} logs`);
      }
    }
    return new SessionToken(positions);
  }
}

// The order is kept: it says what was seen longest ago.
function runsByNode(positions: readonly LogPosition[]): { readonly node: string; readonly logs: LogPosition[] }[] {
  const runs: { readonly node: string; readonly logs: LogPosition[] }[] = [];
  for (const position of positions) {
    const run = runs.at(-1);
    if (run?.node === position.node) run.logs.push(position);
    else runs.push({ node: position.node, logs: [position] });
  }
  return runs;
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
}

// Twelve letters of five bits in the upper 60 of 64.
function pushEpoch(bytes: number[], epoch: string): void {
  let bits = 0n;
  for (const letter of epoch) bits = bits * 32n + BigInt(EPOCH_LETTERS.indexOf(letter));
  const word = Buffer.alloc(8);
  word.writeBigUInt64BE(bits << 4n);
  bytes.push(...word);
}

class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw malformed('cut off');
    return value;
  }

  text(length: number): string {
    return Array.from({ length }, () => String.fromCharCode(this.byte())).join('');
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte % 128) * factor;
      if (!Number.isSafeInteger(value)) throw malformed('a number too large');
      if (byte < 128) return value;
    }
  }

  epoch(): string {
    let text = '';
    let bits = 0n;
    for (let i = 0; i < 8; i++) bits = bits * 256n + BigInt(this.byte());
    for (let i = 0; i < 12; i++) text += EPOCH_LETTERS.charAt(Number((bits >> BigInt(59 - 5 * i)) & 31n));
    if (!EPOCH_PATTERN.test(text)) throw malformed('an epoch that is none');
    return text;
  }
}

function malformed(why: string): OperationError {
  return new OperationError({ code: 'payload-invalid', op: 'read', subject: 'session token', message: why });
}
