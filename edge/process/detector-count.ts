/**
 * How many detectors a node runs at once. More than cameras are of no use: a camera looks at one frame at a time. One core
 * stays free of them where there are several, for capture, records and the link.
 * @param configured of the configuration; `auto` chooses by the board.
 */
export function detectorCount(
  configured: number | 'auto',
  board: { readonly cameras: number; readonly cores: number; readonly threads: number },
): number {
  if (configured !== 'auto') return configured;
  const room = Math.floor(Math.max(1, board.cores - 1) / board.threads);
  return Math.max(1, Math.min(board.cameras, room));
}
