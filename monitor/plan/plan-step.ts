import type { DoubtPicture } from '../../base/doubts.js';
import type { ActionAnswer, ProbeAnswer } from '../../protocol/board.js';
import type { FramesSeen } from '../frame-watch.js';
import type { Phase } from './case.js';
import type { BoardFault, ProbeResult } from './probe-table.js';

/** How much a monitor does of what it decides. */
export type PlanMode = 'act' | 'dry-run' | 'observe';

/** What came back from an order; `lost` when nobody knows whether it was carried out. */
export type ActionResult = { readonly kind: 'answer'; readonly answer: ActionAnswer } | BoardFault;

export type PlanEvent =
  /** The roster confirmed it: silent through the grace (M8). */
  | { readonly kind: 'confirmed'; readonly node: string }
  /** The roster saw proof of life. */
  | { readonly kind: 'alive'; readonly node: string }
  | { readonly kind: 'stopped'; readonly node: string }
  | { readonly kind: 'birth'; readonly node: string; readonly inv: string; readonly version: string }
  | ({ readonly kind: 'beat'; readonly node: string; readonly inv: string } & FramesSeen)
  /** Frames of this node are old from this age on: some camera of it delivers seldom. */
  | { readonly kind: 'pace'; readonly node: string; readonly staleMs: number }
  | { readonly kind: 'probed'; readonly node: string; readonly step: number; readonly result: ProbeResult }
  | { readonly kind: 'acted'; readonly node: string; readonly step: number; readonly result: ActionResult }
  | {
      readonly kind: 'maintenance';
      readonly node: string;
      readonly hold: { readonly by: string; readonly reason: string; readonly leftMs: number } | undefined;
    }
  /** Somebody asks for a restart. */
  | { readonly kind: 'requested'; readonly node: string; readonly by: string }
  /** A person looked at it: the ladder begins anew. */
  | { readonly kind: 'acknowledged'; readonly node: string; readonly by: string }
  /** False while the monitor is blind or settles (M6): nothing is begun, and no deadline runs out. */
  | { readonly kind: 'sight'; readonly canSee: boolean }
  | { readonly kind: 'link'; readonly isUp: boolean }
  /** Whom the nodes that audit doubt, as of now. */
  | { readonly kind: 'doubts'; readonly picture: DoubtPicture }
  /** Living monitors that go before this one. */
  | { readonly kind: 'rank'; readonly before: number }
  | { readonly kind: 'check' };

/** What the loop is to do or to tell; each names the rule it follows from. */
export type PlanStep =
  | { readonly kind: 'probe'; readonly node: string; readonly step: number; readonly unit: string }
  | {
      readonly kind: 'restart';
      readonly node: string;
      readonly step: number;
      readonly unit: string;
      readonly expected: string | null;
      /** Units to restart first, on the same board (L2). */
      readonly dependencies: readonly string[];
    }
  | { readonly kind: 'reboot'; readonly node: string; readonly step: number; readonly boot: string }
  /** Keep the attempts on disk before the order that follows goes out. */
  | { readonly kind: 'remember' }
  | { readonly kind: 'phase'; readonly node: string; readonly from: Phase; readonly to: Phase }
  | {
      readonly kind: 'decision';
      readonly node: string;
      readonly rule: string;
      readonly what: string;
      /** A person should know. */
      readonly isAlert: boolean;
      /** Cause of the incident it opens, where no case has one. */
      readonly cause?: string;
      readonly probe?: ProbeAnswer;
    }
  /** A person should know, though nothing is wrong. */
  | { readonly kind: 'news'; readonly node: string; readonly rule: string; readonly what: string }
  | { readonly kind: 'closed'; readonly node: string; readonly what: string }
  /** What came of a request; `code` is for programs. */
  | {
      readonly kind: 'answered';
      readonly node: string;
      readonly ok: boolean;
      readonly code: string;
      readonly what: string;
    };
