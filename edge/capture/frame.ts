/** Pixels, `u8 [heightPx, widthPx, 3]`, RGB, row-major, no padding. */
export type RgbPicture = {
  readonly kind: 'rgb';
  readonly widthPx: number;
  readonly heightPx: number;
  readonly data: Uint8Array;
};

/** A picture as it was encoded (JPEG from cameras; PNG and WebP only from the file driver). */
export type EncodedPicture = { readonly kind: 'encoded'; readonly bytes: Uint8Array };

/**
 * One picture of a camera, as it left its driver. The buffer belongs to the reader until it asks for the next frame:
 * of a driver by `read`, of a camera's slot by `take`. A driver writes into it again only after it was given back to
 * the `FrameBuffers` the driver was made with, which the slot does for its taker; encoded bytes are never reused.
 */
export type Frame = {
  /** Frame number since the source was opened, from 0; gaps are frames the source itself skipped. */
  readonly index: number;
  /** Wall clock at capture, ms; of a recording read as fast as it goes, by its own rate from its first frame on. */
  readonly capturedAtMs: number;
  /** Monotonic clock at capture, ms; the same holds. */
  readonly capturedMonoMs: number;
  readonly picture: RgbPicture | EncodedPicture;
  /** What the picture is called in errors, where it has a name of its own (the path of a file). */
  readonly name?: string;
  /** First 16 hex digits of the SHA-256 of the encoded picture, where records name it. */
  readonly digest?: string;
};
