import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../base/random.js';
import { asRecordDisk } from './record-disk-adapter.js';
import { SimulatedDisk } from './simulated-disk.js';

const text = (disk: SimulatedDisk, path: string) => Buffer.from(disk.read(path)).toString();
const bytes = (content: string) => new Uint8Array(Buffer.from(content));

describe('a simulated disk', () => {
  it('keeps through a power cut all that was synced, and of the appends after it only an unbroken beginning', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ line: fc.string({ minLength: 1, maxLength: 40 }), isSynced: fc.boolean() })),
        fc.nat(),
        (steps, seed) => {
          const disk = new SimulatedDisk();
          let all = '';
          let durable = 0;
          for (const { line, isSynced } of steps) {
            const encoded = Buffer.from(line).toString('hex');
            disk.append('log', bytes(encoded));
            all += encoded;
            if (isSynced) disk.sync('log');
            if (isSynced) durable = all.length;
          }
          disk.powerCut(new Random(seed));
          const left = disk.has('log') ? text(disk, 'log') : '';
          const written = left.replace(/\0+$/, '');
          expect(all.startsWith(written)).toBe(true);
          expect(written.length).toBeGreaterThanOrEqual(durable);
          expect(left.length).toBeLessThanOrEqual(all.length);
        },
      ),
    );
  });

  it('takes back an unsynced overwrite to what was there before', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const disk = new SimulatedDisk();
      disk.replace('f', bytes('aaaa'));
      disk.write('f', bytes('bbbbbb'), 2);
      disk.powerCut(new Random(seed));
      seen.add(text(disk, 'f').replaceAll('\0', '0'));
    }
    expect(seen).toContain('aaaa');
    expect(seen).toContain('aabbbbbb');
    for (const content of seen) expect(content).toMatch(/^aa(aa|b{1,6}a{0,2}|aa0000)0*$/);
  });

  it('loses names that were not followed by a sync, the youngest first, and never a synced one', () => {
    const left = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const disk = new SimulatedDisk();
      disk.replace('a', bytes('1'));
      disk.move('a', 'b');
      disk.create('c');
      disk.powerCut(new Random(seed));
      left.add(disk.paths().join(','));
    }
    expect([...left].sort()).toEqual(['a', 'b', 'b,c']);
    const disk = new SimulatedDisk();
    disk.replace('a', bytes('1'));
    disk.move('a', 'b');
    disk.append('c', bytes('2'));
    disk.sync('c');
    disk.powerCut(new Random(1));
    expect(disk.paths()).toEqual(['b', 'c']);
  });

  it('says ENOSPC when it is full, keeps what there was room for, and takes writes again when there is room', () => {
    const disk = new SimulatedDisk();
    disk.capacityBytes = 10;
    disk.append('a', bytes('12345678'));
    expect(() => disk.append('a', bytes('abcd'))).toThrow('ENOSPC');
    expect(text(disk, 'a')).toBe('12345678ab');
    expect(() => disk.replace('a', bytes('12'))).toThrow('ENOSPC');
    expect(disk.usedBytes).toBe(10);
    disk.remove('a');
    disk.append('b', bytes('x'));
    expect(disk.usedBytes).toBe(1);
  });

  it('flips exactly one bit of one file and restores images exactly', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat(), (content, seed) => {
        const disk = new SimulatedDisk();
        disk.replace('a/b', content);
        const image = disk.image();
        expect(disk.flipBit(new Random(seed))).toBe('a/b');
        const now = disk.read('a/b');
        const changed = [...content].map((byte, i) => byte ^ (now[i] ?? 0)).filter((difference) => difference !== 0);
        expect(changed.length).toBe(1);
        expect(Math.log2(changed[0] ?? 0) % 1).toBe(0);
        disk.restore(image);
        expect(disk.read('a/b')).toEqual(content);
      }),
    );
  });

  it('serves a record log as its disk', async () => {
    const disk = new SimulatedDisk();
    const recordDisk = asRecordDisk(disk);
    const file = await recordDisk.openSegment('log/e1/00000000.jsonl');
    await file.writeAt(bytes('one\n'), 0);
    await file.sync();
    await file.writeAt(bytes('two\n'), 4);
    expect(await recordDisk.list('log')).toEqual(['e1']);
    expect((await recordDisk.read('log/e1/00000000.jsonl')).toString()).toBe('one\ntwo\n');
    await recordDisk.move('log/e1', 'log/e2');
    await expect(recordDisk.read('log/e1/00000000.jsonl')).rejects.toMatchObject({ code: 'ENOENT' });
    await recordDisk.remove('log');
    await recordDisk.remove('log');
    expect(disk.usedBytes).toBe(0);
  });
});
