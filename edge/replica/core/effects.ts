import type { Interval } from '../../../base/listener/interval-set.js';
import type { Fill, Head, Need } from '../../../protocol/record.js';
import type { Frontier, Poll, Vote } from '../../../protocol/replica.js';
import type { OpenedSegment, SegmentMeta } from '../../records/segment.js';
import type { CopyLine, KeptHead, SegmentToKeep } from '../store/copy-store.js';

/** Both clocks at the moment of an event. */
export type Instant = { readonly monoMs: number; readonly wallMs: number };

/** A record line with its seq. */
export type Line = { readonly s: number; readonly text: string };

/** One of the own logs as it lies on the own disk. */
export type OwnExtent = {
  readonly epoch: string;
  readonly isLive: boolean;
  readonly first: number;
  /** Largest seq that survives a power cut. */
  readonly seq: number;
  /** Largest seq that may be given to others. */
  readonly publishableSeq: number;
  readonly segments: readonly SegmentMeta[];
  /** Smallest seq that lies in no closed segment. */
  readonly openFrom: number;
  /** Number of segments ever closed, and the hash of the last. */
  readonly closed: number;
  readonly hash: string;
};

export type PeerState = 'online' | 'away';

/** What a replica hears. */
export type ReplicaEvent =
  | { readonly type: 'tick' }
  | { readonly type: 'up' }
  | { readonly type: 'down' }
  /** Another broker is reached besides: nobody there has heard what is held here. */
  | { readonly type: 'sideUp' }
  | { readonly type: 'broker'; readonly broker: string; readonly epoch: string }
  | {
      readonly type: 'peer';
      readonly node: string;
      readonly state: PeerState;
      /** It is at another broker than ours, and those who are at ours do not hear of it. */
      readonly isAside?: boolean;
    }
  | { readonly type: 'peerKey'; readonly node: string; readonly publicKey: string }
  | { readonly type: 'peerReplica'; readonly node: string; readonly isVoter: boolean }
  | { readonly type: 'own'; readonly extents: readonly OwnExtent[] }
  | { readonly type: 'live'; readonly node: string; readonly epoch: string; readonly lines: readonly Line[] }
  | { readonly type: 'head'; readonly head: Head; readonly keeper?: string }
  | { readonly type: 'unkept'; readonly node: string; readonly keeper: string }
  | { readonly type: 'keptSegmentFound'; readonly node: string; readonly epoch: string; readonly n: number }
  | { readonly type: 'frontier'; readonly from: string; readonly frontier: Frontier }
  | { readonly type: 'need'; readonly from: string; readonly need: Need }
  | {
      readonly type: 'fill';
      readonly from: string;
      readonly fill: Pick<Fill, 'id' | 'of' | 'e' | 'part' | 'more' | 'first'>;
      readonly lines: readonly Line[];
      readonly segment?: OpenedSegment;
    }
  | { readonly type: 'retained'; readonly segment: OpenedSegment }
  | { readonly type: 'poll'; readonly from: string; readonly poll: Poll }
  | { readonly type: 'vote'; readonly from: string; readonly vote: Vote }
  | { readonly type: 'hashed'; readonly id: string; readonly replyTo?: string; readonly h: Vote['h'] }
  | { readonly type: 'served'; readonly id: string }
  | { readonly type: 'needFailed'; readonly id: string }
  | { readonly type: 'appendFailed'; readonly lines: readonly CopyLine[] }
  | { readonly type: 'synced'; readonly mark: number; readonly ok: boolean }
  | { readonly type: 'segmentSaved'; readonly node: string; readonly epoch: string; readonly meta: SegmentMeta }
  | { readonly type: 'segmentFailed'; readonly node: string; readonly epoch: string; readonly n: number }
  | { readonly type: 'expireFailed'; readonly node: string; readonly epoch: string }
  | {
      readonly type: 'rot';
      readonly node: string;
      readonly epoch: string;
      readonly n: number | undefined;
      readonly reason: string;
    }
  | { readonly type: 'want'; readonly cut: readonly (readonly [string, string, number])[] }
  /** Others answered a query over these logs otherwise. */
  | { readonly type: 'doubt'; readonly cut: readonly (readonly [string, string, number])[] }
  | { readonly type: 'load'; readonly isOverloaded: boolean };

/** One thing of an answer: a closed segment whole, or records. */
export type Piece = { readonly n: number } | { readonly from: number; readonly to: number };

export type Trouble =
  | 'fork'
  | 'clone'
  | 'key'
  | 'rot'
  | 'quarantine'
  | 'amnesia'
  | 'gone'
  | 'disk'
  | 'refused'
  | 'poll';

/** What a replica wants done, in this order. */
export type ReplicaEffect =
  | { readonly type: 'append'; readonly lines: readonly CopyLine[] }
  | { readonly type: 'sync'; readonly mark: number }
  | { readonly type: 'saveHead'; readonly head: KeptHead }
  | { readonly type: 'saveSegment'; readonly segment: SegmentToKeep }
  | {
      readonly type: 'putAside';
      readonly node: string;
      readonly epoch: string;
      readonly n: number;
      readonly reason: string;
    }
  | { readonly type: 'expire'; readonly node: string; readonly epoch: string; readonly first: number }
  /** The own log on the own disk has to give up what lies below, too. */
  | { readonly type: 'expireOwn'; readonly epoch: string; readonly first: number }
  | { readonly type: 'forget'; readonly node: string; readonly epoch: string }
  | { readonly type: 'need'; readonly to: string; readonly need: Need }
  | {
      readonly type: 'serve';
      readonly to: string;
      readonly need: Need;
      readonly pieces: readonly Piece[];
      readonly first: number;
    }
  | { readonly type: 'frontier'; readonly frontier: Frontier }
  | { readonly type: 'poll'; readonly to: string; readonly poll: Poll }
  | { readonly type: 'hash'; readonly poll: Poll; readonly replyTo?: string }
  | { readonly type: 'vote'; readonly to: string; readonly vote: Vote }
  | { readonly type: 'page'; readonly node: string; readonly epoch: string }
  | { readonly type: 'unpage'; readonly node: string; readonly epoch: string }
  /** Looks, until `unpageKept`, for segments of a node that lie retained under our own name. */
  | { readonly type: 'pageKept'; readonly node: string }
  | { readonly type: 'unpageKept'; readonly node: string }
  | { readonly type: 'keepHead'; readonly node: string; readonly head: Head }
  | { readonly type: 'keepSegment'; readonly node: string; readonly epoch: string; readonly n: number }
  | { readonly type: 'unkeepHead'; readonly node: string }
  | { readonly type: 'unkeepSegment'; readonly node: string; readonly epoch: string; readonly n: number }
  | {
      readonly type: 'tell';
      readonly trouble: Trouble;
      readonly node: string;
      readonly epoch: string;
      readonly detail: string;
    };

export const NO_EFFECTS: readonly ReplicaEffect[] = [];

export function countOf(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}
