import { z } from 'zod';
import { Id } from '../../protocol/ids.js';

/** What is asked of a node's own records. All conditions hold together; newest records first. */
export const RecordQuery = z.strictObject({
  camera: Id.optional(),
  label: z.string().max(64).optional(),
  kind: z.string().min(1).max(16).optional(),
  fromMs: z.int().min(0).optional().describe('wall clock, inclusive'),
  toMs: z.int().min(0).optional().describe('wall clock, inclusive'),
  limit: z.int().min(1).max(1000).default(100),
});
export type RecordQuery = z.infer<typeof RecordQuery>;

/** A record as it is indexed. Values only ever are values: no field name comes from a record or a query. */
export type IndexDocument = {
  /** `<epoch>/<seq>` */
  readonly _id: string;
  readonly e: string;
  readonly s: number;
  readonly t: number;
  readonly k: string;
  readonly c: string | null;
  readonly l: string | null;
  /** The record line. */
  readonly text: string;
};

/** True if a document meets the conditions of a query. */
export function meetsQuery(document: IndexDocument, query: RecordQuery): boolean {
  if (query.kind !== undefined && document.k !== query.kind) return false;
  if (query.camera !== undefined && document.c !== query.camera) return false;
  if (query.label !== undefined && document.l !== query.label) return false;
  return document.t >= (query.fromMs ?? 0) && document.t <= (query.toMs ?? Number.POSITIVE_INFINITY);
}
