/** Largest payload of a snapshot: what a 640 px JPEG of a busy scene needs four times over. */
export const SNAPSHOT_BYTES_MAX = 256 * 1024;
