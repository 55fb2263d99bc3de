import { describe, expect, it } from 'vitest';
import { SystemClock } from '../../../../base/clock.js';
import { PushedPictures, PushedSource } from '../../../../edge/capture/pushed/pushed-source.js';

const signal = new AbortController().signal;
const picture = (name: string) => ({ jpeg: new TextEncoder().encode(name), capturedAtMs: 5, digest: name.repeat(16) });

describe('the driver of a source that pushes its pictures', () => {
  it('gives what was pushed, with its time and its digest', async () => {
    const pictures = new PushedPictures(new SystemClock());
    const source = new PushedSource(pictures);
    await source.open(signal);
    const read = source.read(signal);
    pictures.push(picture('a'));
    expect(await read).toMatchObject({ index: 0, capturedAtMs: 5, digest: 'a'.repeat(16) });
  });

  it('gives the newest of those that waited, also for the driver of the next life, and counts the others', async () => {
    const pictures = new PushedPictures(new SystemClock());
    const source = new PushedSource(pictures);
    for (const name of ['a', 'b', 'c']) pictures.push(picture(name));
    expect(source.drops()).toEqual({ 'replaced-pushed': 2 });
    await source.close();
    const next = new PushedSource(pictures);
    expect(await next.read(signal)).toMatchObject({ index: 2, digest: 'c'.repeat(16) });
    expect(next.drops()).toEqual({ 'replaced-pushed': 0 });
  });

  it('ends a wait when it is told to, and gives nothing once it is closed', async () => {
    const source = new PushedSource(new PushedPictures(new SystemClock()));
    const stop = new AbortController();
    const read = source.read(stop.signal);
    stop.abort(new Error('over'));
    await expect(read).rejects.toThrow('over');
    await source.close();
    await expect(source.read(signal)).rejects.toThrow('closed');
  });
});
