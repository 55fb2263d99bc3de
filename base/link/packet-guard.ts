/**
 * Watches the bytes of an MQTT connection for a packet that announces more than it may.
 * The parser behind it buffers whatever a header announces, so the announcement itself must be refused.
 */
export class PacketGuard {
  readonly #bytesMax: number;
  #bodyLeft = 0;
  #inHeader = false;
  #length = 0;
  #shift = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes the next bytes; false as soon as a header is malformed or announces too much. Keeps no bytes. */
  feed(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft > 0) {
        const skipped = Math.min(this.#bodyLeft, chunk.length - at);
        this.#bodyLeft -= skipped;
        at += skipped;
      } else if (!this.#takeHeaderByte(chunk[at++] ?? 0)) return false;
    }
    return true;
  }

  // Fixed header: one byte of type and flags, then the remaining length in 7-bit groups [MQTT-2.2.3].
  #takeHeaderByte(byte: number): boolean {
    if (!this.#inHeader) {
      this.#inHeader = true;
      this.#length = 0;
      this.#shift = 0;
      return true;
    }
    this.#length += (byte & 0x7f) * 2 ** this.#shift;
    this.#shift += 7;
    if (this.#length > this.#bytesMax || this.#shift > 28) return false;
    if ((byte & 0x80) === 0) {
      this.#bodyLeft = this.#length;
      this.#inHeader = false;
    }
    return true;
  }
}
