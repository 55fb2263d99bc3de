/** Why a camera is not well. Without schemas beside it: the vision process needs these words and no message of the wire. */
export const CAMERA_REASONS = [
  'starting',
  'unplugged',
  'frozen',
  'garbage',
  'ended',
  'refused',
  'paused',
  'detector',
] as const;
