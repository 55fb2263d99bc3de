import type { ErrorCode } from '../../../base/errors.js';

export type StreamFault = { readonly code: ErrorCode; readonly hint?: string };

/**
 * What ffmpeg's last words say is wrong with a stream. The words are those of ffmpeg 5.1 and 7.1; what they do not fit is
 * a camera that went away.
 */
const FAULTS: readonly (readonly [words: RegExp, fault: StreamFault])[] = [
  [
    /401 Unauthorized|403 Forbidden|authori[sz]ation/i,
    { code: 'camera-refused', hint: 'check username and passwordFile of this camera' },
  ],
  [
    /404 Not Found|454 |Not Found/i,
    { code: 'camera-refused', hint: 'check the path of the address; no such stream there' },
  ],
  [
    /Permission denied|Operation not permitted/i,
    { code: 'camera-refused', hint: 'add the service user to the group video' },
  ],
  [
    /Inappropriate ioctl for device|not a video capture device/i,
    { code: 'camera-refused', hint: 'this device gives no pictures; see vedette camera list' },
  ],
  [/Device or resource busy/i, { code: 'camera-refused', hint: 'another program has the camera; end it' }],
  [
    /Unknown decoder|Unrecognized hwaccel|No device available|Device creation failed|hwaccel/i,
    { code: 'camera-refused', hint: 'this ffmpeg or board has no such decoder; set decoder: software' },
  ],
  [/timed out|Input\/output error.*timeout/i, { code: 'camera-frozen' }],
  [
    /Invalid data found|could not find codec|Could not find codec|Unable to (?:find|open)|no video|matches no streams|Error while decoding|Invalid argument/i,
    { code: 'camera-garbage' },
  ],
];

export function readFfmpegWords(lastWords: string): StreamFault {
  return FAULTS.find(([words]) => words.test(lastWords))?.[1] ?? { code: 'camera-unplugged' };
}
