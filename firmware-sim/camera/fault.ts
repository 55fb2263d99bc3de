import { OperationError } from '../../base/errors.js';

/** What goes wrong with a simulated camera, and how many seconds after its start. */
export type CameraFault = { readonly kind: CameraFaultKind; readonly atS: number };

/**
 * `unplug` ends the stream, `freeze` repeats one picture bit for bit (a real sensor's noise never does),
 * `garbage` writes bytes that are no frames.
 */
export const CAMERA_FAULT_KINDS = ['unplug', 'freeze', 'garbage'] as const;
export type CameraFaultKind = (typeof CAMERA_FAULT_KINDS)[number];

/** Reads `freeze@12.5`. @throws OperationError `usage` if it is not KIND@SECONDS. */
export function parseCameraFault(text: string): CameraFault {
  const match = /^([a-z]+)@(\d+(?:\.\d+)?)$/.exec(text);
  const kind = CAMERA_FAULT_KINDS.find((known) => known === match?.[1]);
  if (match === null || kind === undefined) {
    throw new OperationError({
      code: 'usage',
      op: 'parse camera fault',
      subject: text,
      message: 'not of the form KIND@SECONDS',
      hint: `for example ${CAMERA_FAULT_KINDS.map((known) => `${known}@10`).join(', ')}`,
    });
  }
  return { kind, atS: Number(match[2]) };
}
