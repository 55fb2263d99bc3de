import type { ErrorCode } from '../../../base/errors.js';

/** What a snapshot that gave no picture means. */
export type SnapshotFault = { readonly code: ErrorCode; readonly words: string };

type Rule = { readonly says: RegExp; readonly code: ErrorCode };

// The messages of fswebcam 20140113 (fswebcam.c, src.c, src_v4l2.c) and the system's own behind them. It exits with 0
// after most failures, so its words are all there is.
const RULES: readonly Rule[] = [
  { says: /no such (file|device)|device not found|input\/output error/i, code: 'camera-unplugged' },
  { says: /timed out waiting for frame|no frames captured/i, code: 'camera-frozen' },
  { says: /busy|permission denied|not permitted|unable to find a|not a v4l|invalid argument/i, code: 'camera-refused' },
];

/** The fault behind fswebcam's last words; `camera-garbage` where they say nothing known. */
export function readFswebcamReport(words: string): SnapshotFault {
  const rule = RULES.find(({ says }) => says.test(words));
  return { code: rule?.code ?? 'camera-garbage', words: words === '' ? 'no picture and no word' : words };
}
