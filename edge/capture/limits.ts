/**
 * Largest encoded picture taken, bytes. A 12-megapixel camera at JPEG quality 95 writes 6 to 9 MB; twice that.
 * Checked before a byte is decoded.
 */
export const PICTURE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Most pixels a picture may have, 2^24: the 12-megapixel sensors of boards' cameras fit, and a decoded picture stays
 * under 50 MB. Decoders' own default of 268 million pixels lets a 31 kB PNG take 840 MB.
 */
export const PICTURE_PIXELS_MAX = 16_777_216;

/** Longest side of a picture, px: what the file formats can say (JPEG 65,535) is far beyond what detectors use. */
export const PICTURE_SIDE_PX_MAX = 16_384;

/** Most files taken from a folder of pictures; a million names would be 100 MB of memory. */
export const FOLDER_PICTURES_MAX = 100_000;

/** What is kept of a capture program's standard error, bytes: its last words, a dozen lines. */
export const STDERR_TAIL_BYTES = 4096;

/** How long a capture program may take to end after SIGTERM before it gets SIGKILL, ms. */
export const STOP_GRACE_MS = 1000;
