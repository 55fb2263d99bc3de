import { createHash } from 'node:crypto';
import type { Answer } from '../../../edge/sharing/audits/answer-match.js';
import { AUDIT_PICTURE_BYTES_MAX } from '../../../edge/sharing/audits/audit-limits.js';
import type { AuditCandidate } from '../../../edge/sharing/audits/candidate-ring.js';

/** Pictures are smaller here by this, or hashing them would be most of the time; budgets of bytes are as much smaller. */
export const SHRUNK_BY = 500;
const BYTES = { min: 60, max: Math.floor(AUDIT_PICTURE_BYTES_MAX / SHRUNK_BY) };
const ALBUM_BYTES = 65_536;
const PLACES = ALBUM_BYTES - BYTES.max;
/** A prime that does not divide the number of places: neighbours lie far apart, and each place comes once. */
const STEP = 7_919;

/** The bytes of all pictures of a history: parts of one noise, of different places and lengths. */
export class PictureAlbum {
  readonly #noise = new Uint8Array(ALBUM_BYTES);

  constructor(seed: number) {
    for (let i = 0; i < ALBUM_BYTES; i++) this.#noise[i] = mix(seed + i);
  }

  /** Shared bytes: they must not be changed. */
  jpeg(picture: number): Uint8Array {
    const from = (picture * STEP) % PLACES;
    return this.#noise.subarray(from, from + BYTES.min + (picture % (BYTES.max - BYTES.min)));
  }
}

/** A picture that is kept for an audit. Most are never drawn: what only an audit needs is made when it is asked for. */
export class SimulatedCandidate implements AuditCandidate {
  readonly epoch: string;
  readonly seq: number;
  readonly leaf: Uint8Array;
  readonly camera = 'front';
  readonly isLive = true;
  readonly capturedAtMs: number;
  readonly jpeg: Uint8Array;
  readonly keptMonoMs: number;

  constructor(of: Pick<AuditCandidate, 'epoch' | 'seq' | 'leaf' | 'jpeg' | 'capturedAtMs' | 'keptMonoMs'>) {
    this.epoch = of.epoch;
    this.seq = of.seq;
    this.leaf = of.leaf;
    this.jpeg = of.jpeg;
    this.capturedAtMs = of.capturedAtMs;
    this.keptMonoMs = of.keptMonoMs;
  }

  get digest(): string {
    return createHash('sha256').update(this.jpeg).digest('hex');
  }
}

/** Stands for the hash of a record's line. */
export function leafOf(worker: string, picture: number): Uint8Array {
  const word = mix(textWord(worker) ^ mix(picture));
  return Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24);
}

/** Who looks, and how it is wrong. */
export type Eye = { readonly node: string; readonly wrongAs: string; readonly wrongRate: number };

/**
 * What a node sees in a picture of another one: the same every time, as a detector does. Those of one `wrongAs` are wrong in
 * the same pictures and in the same way.
 */
export function answerOf({ node, wrongAs, wrongRate }: Eye, worker: string, picture: number): Answer {
  const truth = mix(textWord(worker) + mix(picture));
  const isOff = fractionOf(truth, textWord(wrongAs)) < wrongRate;
  const jitter = (fractionOf(truth, textWord(node) + 1) - 0.5) * 0.01;
  return Array.from({ length: 1 + Math.floor(fractionOf(truth, 2) * 4) }, (_, i) => {
    const x = 20 + 150 * i;
    const y = 20 + fractionOf(truth, 10 + i) * 200;
    const label = isOff ? `wrong ${wrongAs}` : i % 2 === 0 ? 'person' : 'car';
    return { l: label, p: 0.7 + 0.25 * fractionOf(truth, 20 + i) + jitter, b: [x, y, x + 100 + 40 * jitter, y + 160] };
  });
}

/** What passes the checks of the wire, and is nonsense. */
export function garbageAnswer(worker: string, picture: number): Answer {
  const word = mix(textWord(worker) ^ picture);
  const coordinate = (i: number) => (fractionOf(word, i) - 0.5) * 10 ** (9 * fractionOf(word, i + 1));
  return Array.from({ length: word % 40 }, (_, i) => {
    const [a = 0, b = 0, c = 0, d = 0] = [0, 2, 4, 6].map((j) => coordinate(10 * i + j));
    return { l: i % 2 === 0 ? 'person' : '', p: fractionOf(word, i), b: [a, b, c, d] };
  });
}

/** Even over 32 bits (the last step of MurmurHash3). */
export function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function fractionOf(word: number, which: number): number {
  return mix(word + Math.imul(which + 1, 0x9e3779b9)) / 2 ** 32;
}

function textWord(text: string): number {
  let word = 0;
  for (let i = 0; i < text.length; i++) word = (Math.imul(word, 31) + text.charCodeAt(i)) | 0;
  return mix(word);
}
