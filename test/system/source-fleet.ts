import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { field, type Program } from './demo-run.js';
import type { Listener } from './listener.js';

/** Half the heartbeats of a hurried test: a lease of three must outlast a machine that is busy with other tests. */
export const BEAT_MS = 2_000;

/** What a node of a fleet that shares sources is configured with besides its cameras. */
export const SHARING = {
  timing: { beatMs: BEAT_MS, healthMs: 1_000 },
  sharing: { sources: true, sourceSettings: { objects: { labels: ['person', 'car', 'dog', 'cat', 'bicycle'] } } },
};

/** Who claims to watch a source, of those whose last status says that they are there. */
export function ownersOf(listener: Listener, source: string, nodes: readonly string[]): string[] {
  return nodes.filter((node) => isOnline(listener, node) && claimOf(listener, node, source) === 'owner');
}

/** How a node holds a source, as it said last. */
export function claimOf(listener: Listener, node: string, source: string): unknown {
  const sources = field(listener.last('claims', { node }), 'sources');
  return Array.isArray(sources)
    ? field(
        sources.find((held) => field(held, 'source') === source),
        'as',
      )
    : undefined;
}

function isOnline(listener: Listener, node: string): boolean {
  return field(listener.last('status', { node }), 'state') === 'online';
}

/** Waits until one node alone claims a source. @returns its name. */
export function oneOwner(
  listener: Listener,
  source: string,
  nodes: readonly string[],
  timeoutMs = 60_000,
): Promise<string> {
  return listener.waitFor(
    `one of ${nodes.join(', ')} watches ${source}`,
    () => {
      const [owner, ...more] = ownersOf(listener, source, nodes);
      return more.length === 0 ? owner : undefined;
    },
    timeoutMs,
  );
}

/** Waits until a node says that it gets frames of a source. */
export function framesSeen(listener: Listener, node: string, source: string): Promise<unknown> {
  return listener.waitFor(`${node} sees frames of ${source}`, () => {
    const state = listener.last('cameraState', { node, camera: source });
    return field(state, 'ok') === true ? state : undefined;
  });
}

/** A drop counter of a node, as its health says. */
export function drops(listener: Listener, node: string, name: string): number {
  return Number(field(listener.last('health', { node }), 'drops', name) ?? 0);
}

/** Sends one payload as a device would that has nothing but an MQTT client. @returns the exit code of mosquitto_pub. */
export function send(
  device: { readonly port: number; readonly source: string; readonly passwordPath: string },
  topic: string,
  path: string,
): number | null {
  const password = readFileSync(device.passwordPath, 'utf8').trim();
  const login = ['-h', '127.0.0.1', '-p', `${device.port}`, '-u', device.source, '-P', password, '-i', device.source];
  return spawnSync('mosquitto_pub', [...login, '-t', topic, '-f', path], { timeout: 20_000 }).status;
}

/** Pictures that are none: name and bytes. */
export async function badPictures(
  folder: string,
): Promise<Readonly<Record<'garbage' | 'bomb' | 'large' | 'text', string>>> {
  const grey = { width: 64, height: 64, channels: 3 as const, background: { r: 90, g: 90, b: 90 } };
  const jpeg = await sharp({ create: grey }).jpeg().toBuffer();
  const write = (name: string, bytes: Uint8Array) => {
    const path = `${folder}/${name}.jpg`;
    writeFileSync(path, bytes);
    return path;
  };
  return {
    // Begins as a JPEG and goes on as nothing.
    garbage: write('garbage', Buffer.concat([jpeg.subarray(0, 20), Buffer.alloc(2_000, 0x5a)])),
    bomb: write('bomb', withSize(jpeg, 65_000, 65_000)),
    large: write('large', Buffer.concat([jpeg, Buffer.alloc(600 * 1_024)])),
    text: write('text', Buffer.from('GIF89a, or what else a device may send')),
  };
}

// The frame header says how large the picture is: marker, length, precision, height, width.
function withSize(jpeg: Buffer, widthPx: number, heightPx: number): Buffer {
  const changed = Buffer.from(jpeg);
  const at = changed.indexOf(Buffer.from([0xff, 0xc0]));
  changed.writeUInt16BE(heightPx, at + 5);
  changed.writeUInt16BE(widthPx, at + 7);
  return changed;
}

/** Ends a program by SIGKILL and waits for its end. */
export async function killHard(program: Program): Promise<void> {
  program.child.kill('SIGKILL');
  await program.exit;
}
