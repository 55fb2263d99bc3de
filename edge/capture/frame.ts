/** Pixels, `u8 [heightPx, widthPx, 3]`, RGB, row-major, no padding. */
export type RgbPicture = {
  readonly kind: 'rgb';
  readonly widthPx: number;
  readonly heightPx: number;
  readonly data: Uint8Array;
};

/** A picture as it was encoded (JPEG from cameras; PNG, WebP or BMP-like files only from the file driver). */
export type EncodedPicture = { readonly kind: 'encoded'; readonly bytes: Uint8Array };

/** One picture of a camera, as it left its driver. The buffer belongs to the reader until it asks for the next frame. */
export type Frame = {
  /** Frame number since the source was opened, from 0; gaps are frames the source itself skipped. */
  readonly index: number;
  /** Wall clock at capture, ms. */
  readonly capturedAtMs: number;
  /** Monotonic clock at capture, ms. */
  readonly capturedMonoMs: number;
  readonly picture: RgbPicture | EncodedPicture;
};
