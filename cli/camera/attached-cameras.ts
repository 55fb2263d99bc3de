import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A camera of this board: the source to write into a configuration, and what it calls itself. */
export type AttachedCamera = { readonly source: string; readonly name: string };

const run = promisify(execFile);
const LIST_TIMEOUT_MS = 10_000;
/**
 * Video devices of a Raspberry Pi that are no cameras, by the names their drivers give them (kernel 6.6): codecs, image
 * processors, and the sockets that its own cameras are read from by rpicam-vid alone.
 */
const NO_CAMERA = /^(?:bcm2835-(?:codec|isp)|pispbe|rpi-?hevc|rpivid|unicam|rp1-cfe)/;

/**
 * Video devices by the kernel's own list. One camera may have several; those that give no pictures (metadata) are told
 * apart by their index: the first of a device gives them. Codecs, which have the same kind of device, by their name.
 * @param root /sys/class/video4linux; a folder that is not there holds no cameras.
 */
export async function v4l2Cameras(root = '/sys/class/video4linux'): Promise<AttachedCamera[]> {
  const devices = await readdir(root).catch(() => []);
  const read = (device: string, file: string) =>
    readFile(join(root, device, file), 'utf8').then(
      (text) => text.trim(),
      () => '',
    );
  const found = await Promise.all(
    devices
      .filter((device) => /^video\d+$/.test(device))
      .sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
      .map(async (device) => ({
        source: `v4l2:/dev/${device}`,
        name: await read(device, 'name'),
        index: await read(device, 'index'),
      })),
  );
  return found
    .filter(({ index, name }) => (index === '' || index === '0') && !NO_CAMERA.test(name))
    .map(({ source, name }) => ({ source, name }));
}

/** Cameras of a Raspberry Pi, as rpicam-vid lists them; none where the program is not installed. */
export async function rpicamCameras(program = 'rpicam-vid'): Promise<AttachedCamera[]> {
  const listed = await run(program, ['--list-cameras'], { timeout: LIST_TIMEOUT_MS, maxBuffer: 256 * 1024 }).then(
    ({ stdout, stderr }) => `${stdout}\n${stderr}`,
    () => '',
  );
  return parseRpicamList(listed);
}

/** Lines like `0 : imx708 [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/...)`. */
export function parseRpicamList(text: string): AttachedCamera[] {
  return [...text.matchAll(/^\s*(\d)\s*:\s*(\S+)(?:\s+\[([^\]]*)\])?/gm)].map(([, camera, sensor, mode]) => ({
    source: `rpicam:${camera}`,
    name: [sensor, mode].filter((part) => part !== undefined).join(' '),
  }));
}
