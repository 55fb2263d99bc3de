/** What the splitter left out, since it was made. */
export type SplitterCounts = {
  /** Bytes between pictures. */
  readonly garbageBytes: number;
  /** Pictures that broke off, were malformed or larger than allowed. */
  readonly badPictures: number;
};

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;

type Outcome = 'picture' | 'more' | 'bad';

/**
 * Cuts concatenated JPEGs apart by their structure (ITU-T T.81, annex B): segments are stepped over by their length,
 * so that the end marker of an EXIF thumbnail does not cut a picture in two, and in scan data only a real marker ends
 * a scan. Garbage between pictures is skipped; a malformed picture is given up and the next start is looked for.
 * Holds at most one picture of `bytesMax` and one chunk.
 */
export class JpegSplitter {
  readonly #bytesMax: number;
  #buffer = Buffer.allocUnsafe(256 * 1024);
  /** First byte not given out yet. */
  #start = 0;
  /** Where reading of the picture at `#start` goes on. */
  #at = 0;
  #end = 0;
  #inPicture = false;
  #inScan = false;
  #garbageBytes = 0;
  #badPictures = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get counts(): SplitterCounts {
    return { garbageBytes: this.#garbageBytes, badPictures: this.#badPictures };
  }

  /** Adds bytes of the stream; they are copied. Call `next` until it gives undefined before the next `push`. */
  push(chunk: Uint8Array): void {
    this.#makeRoom(chunk.byteLength);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.byteLength;
  }

  /** The next whole picture, a copy of its own, or undefined if more bytes are needed. */
  next(): Uint8Array | undefined {
    for (;;) {
      if (!this.#inPicture && !this.#findStart()) return undefined;
      const outcome = this.#inScan ? this.#scan() : this.#segment();
      // Complete or not: the end of the bytes may be far behind a small picture, so a whole one is measured by itself.
      const tooLarge = (outcome === 'picture' ? this.#at : this.#end) - this.#start > this.#bytesMax;
      if (outcome === 'bad' || tooLarge) this.#giveUp();
      else if (outcome === 'picture') return this.#give();
      else return undefined;
    }
  }

  /** The stream has ended: what is left is garbage or half a picture. */
  finish(): void {
    if (this.#inPicture) this.#badPictures++;
    else this.#garbageBytes += this.#end - this.#start;
    this.#start = this.#at = this.#end = 0;
    this.#inPicture = this.#inScan = false;
  }

  // A start is FF D8 FF: two bytes alone turn up in garbage too often.
  #findStart(): boolean {
    for (let at = this.#start; ; at++) {
      at = this.#indexOfMarkerByte(at);
      if (at < 0) return this.#skipTo(this.#end);
      if (at + 2 >= this.#end) return this.#skipTo(at);
      if (this.#byte(at + 1) === SOI && this.#byte(at + 2) === 0xff) {
        this.#skipTo(at);
        this.#inPicture = true;
        this.#inScan = false;
        this.#at = at + 2;
        return true;
      }
    }
  }

  #skipTo(at: number): false {
    this.#garbageBytes += at - this.#start;
    this.#start = at;
    this.#at = at;
    return false;
  }

  /** Steps over segments until the scan data, the end, or the end of the bytes. */
  #segment(): Outcome {
    for (;;) {
      if (this.#at + 1 >= this.#end) return 'more';
      if (this.#byte(this.#at) !== 0xff) return 'bad';
      const code = this.#byte(this.#at + 1);
      if (code === 0xff) {
        this.#at++; // fill byte, T.81 B.1.1.2
        continue;
      }
      if (code === EOI) {
        this.#at += 2;
        return 'picture';
      }
      if (code === 0x00 || code === SOI) return 'bad';
      if (code === 0x01 || (code >= 0xd0 && code <= 0xd7)) {
        this.#at += 2; // markers without a length
        continue;
      }
      if (this.#at + 3 >= this.#end) return 'more';
      const length = this.#byte(this.#at + 2) * 256 + this.#byte(this.#at + 3);
      if (length < 2) return 'bad';
      if (this.#at + 2 + length > this.#end) return 'more';
      this.#at += 2 + length;
      if (code === SOS) {
        this.#inScan = true;
        return this.#scan();
      }
    }
  }

  /** Goes through scan data to the next marker that is not part of it. */
  #scan(): Outcome {
    for (;;) {
      const at = this.#indexOfMarkerByte(this.#at);
      if (at < 0) {
        this.#at = this.#end;
        return 'more';
      }
      this.#at = at;
      if (at + 1 >= this.#end) return 'more';
      const code = this.#byte(at + 1);
      if (code === 0x00 || (code >= 0xd0 && code <= 0xd7)) this.#at = at + 2;
      else if (code === 0xff) this.#at = at + 1;
      else if (code === SOI)
        return 'bad'; // the next picture began: this one broke off
      else {
        this.#inScan = false;
        return this.#segment();
      }
    }
  }

  #give(): Uint8Array {
    const picture = new Uint8Array(this.#buffer.subarray(this.#start, this.#at));
    this.#start = this.#at;
    this.#inPicture = false;
    return picture;
  }

  // The next start is looked for where the structure broke, not right behind this one's: what was stepped over as a
  // segment may hold a thumbnail, which is a whole JPEG. The lost bytes count as one bad picture, not as garbage.
  #giveUp(): void {
    this.#badPictures++;
    this.#start = this.#at;
    this.#inPicture = false;
  }

  #byte(at: number): number {
    return this.#buffer[at] ?? 0;
  }

  #indexOfMarkerByte(from: number): number {
    const at = this.#buffer.indexOf(0xff, from);
    return at >= this.#end ? -1 : at;
  }

  #makeRoom(byteLength: number): void {
    if (this.#end + byteLength <= this.#buffer.byteLength) return;
    const held = this.#end - this.#start;
    const needed = held + byteLength;
    const room = needed <= this.#buffer.byteLength ? this.#buffer : Buffer.allocUnsafe(needed * 2);
    this.#buffer.copy(room, 0, this.#start, this.#end);
    this.#buffer = room;
    this.#at -= this.#start;
    this.#start = 0;
    this.#end = held;
  }
}
