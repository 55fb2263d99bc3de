import {
  type Answer,
  type Checked,
  type Missing,
  QUERY_BARS_MAX,
  type QuerySpec,
  type UnaskedLog,
} from '../../protocol/query.js';
import { type AnswerContent, answerDigest } from './answer-digest.js';

/** A whole answer of one replica. */
export type ReplicaAnswer = {
  readonly digest: string;
  /** What it says; absent where the digest alone was asked for. */
  readonly content?: AnswerContent;
  readonly missing: readonly Missing[];
  readonly also: readonly UnaskedLog[];
  /** What it found on its disk; absent where it was not asked to look, or did not. */
  readonly checked?: Checked;
  readonly tookMs: number;
};

export type PartsOutcome =
  | { readonly kind: 'more' }
  | { readonly kind: 'answer'; readonly answer: ReplicaAnswer }
  | { readonly kind: 'refusal'; readonly code: NonNullable<Answer['code']>; readonly message: string }
  | { readonly kind: 'damaged'; readonly message: string };

/** Gathers the parts of one answer, in whatever order and however often they come. */
export class AnswerParts {
  readonly #spec: QuerySpec;
  readonly #want: 'full' | 'digest';
  readonly #parts = new Map<number, Answer>();

  constructor(spec: QuerySpec, want: 'full' | 'digest') {
    this.#spec = spec;
    this.#want = want;
  }

  add(part: Answer): PartsOutcome {
    if (!part.ok) {
      return { kind: 'refusal', code: part.code ?? 'failed', message: part.message ?? 'no reason was given' };
    }
    const first = this.#parts.values().next().value ?? part;
    if (part.parts !== first.parts || part.digest !== first.digest || part.part >= part.parts) {
      return { kind: 'damaged', message: 'its parts do not belong together' };
    }
    this.#parts.set(part.part, part);
    return this.#parts.size < part.parts ? { kind: 'more' } : this.#whole(part.digest, part.count);
  }

  #whole(digest: string, count: number): PartsOutcome {
    const parts = [...this.#parts.values()].sort((a, b) => a.part - b.part);
    const rows = parts.flatMap((part) => part.rows ?? []);
    const bars = parts.flatMap((part) => part.buckets ?? []);
    if (rows.length > this.#spec.limit || bars.length > QUERY_BARS_MAX) {
      return { kind: 'damaged', message: `${rows.length} rows and ${bars.length} bars, more than was asked for` };
    }
    const again = parts.find((part) => part.again !== undefined)?.again ?? 0;
    const content = this.#contentOf({ count, rows, bars, again });
    // Checked over what arrived: an answer is worth what it says, not what it says of itself.
    if (content !== undefined && answerDigest(content) !== digest) {
      return { kind: 'damaged', message: 'its digest is not that of its content' };
    }
    const checked = parts.find((part) => part.checked !== undefined)?.checked;
    const answer = {
      digest,
      ...(checked === undefined ? {} : { checked }),
      missing: parts.flatMap((part) => part.missing),
      also: parts.flatMap((part) => part.also ?? []),
      tookMs: Math.max(...parts.map((part) => part.tookMs)),
    };
    return { kind: 'answer', answer: content === undefined ? answer : { ...answer, content } };
  }

  // A number is its own digest's content: no second question is needed for it.
  #contentOf(found: Omit<AnswerContent, 'shape'>): AnswerContent | undefined {
    const { shape } = this.#spec;
    return this.#want === 'full' || shape === 'count' ? { shape, ...found } : undefined;
  }
}
