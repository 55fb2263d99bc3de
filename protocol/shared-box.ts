import { z } from 'zod';

/** A box on the wire of shared work: pixels of the picture that was sent. */
export const SharedBox = z.object({
  l: z.string().max(64),
  p: z.number().min(0).max(1),
  b: z.tuple([z.number(), z.number(), z.number(), z.number()]).describe('x1, y1, x2, y2'),
});
export type SharedBox = z.infer<typeof SharedBox>;

/** Boxes of one picture: a detector gives no more. */
export const SHARED_BOXES_MAX = 300;
