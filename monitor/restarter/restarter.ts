import type { BoardAnswer, BoardCommand } from '../../protocol/board.js';
import type { BoardFault } from '../plan/probe-table.js';

/** Where a board is and how it is known. */
export type BoardAddress = {
  /** Name in the inventory, for messages. */
  readonly board: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Ed25519 host key as `ssh-keygen -lf` shows it: `SHA256:` and base64 without padding. */
  readonly hostKey: string;
};

export type BoardReply = { readonly kind: 'answer'; readonly answer: BoardAnswer } | BoardFault;

/** Carries one order to a board and brings back its answer. */
export interface Restarter {
  /** Never rejects and always ends: whatever goes wrong is a fault with one line that says what. */
  run(address: BoardAddress, command: BoardCommand, signal: AbortSignal): Promise<BoardReply>;
}
