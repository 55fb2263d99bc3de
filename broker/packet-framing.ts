const CONNECT = 1;
const SUBSCRIBE = 8;

export type FramingStep =
  /** Bytes of the chunk that may go on now; the rest waits. */
  { readonly kind: 'pass'; readonly bytes: number } | { readonly kind: 'too-big'; readonly packetBytes: number };

/**
 * Follows the frames of one client's bytes, to refuse a packet by its announced length before any of it is gathered.
 * It cuts behind a CONNECT, since nothing may be parsed before the login is decided, and behind a SUBSCRIBE, so that the
 * filters of one SUBSCRIBE are seen together and apart from those of the next.
 */
export class PacketFraming {
  #limitBytes: number;
  /** Fixed header being read: type seen, length gathered so far; or body bytes left. */
  #inHeader = true;
  #headerBytes = 0;
  #type = 0;
  #lengthValue = 0;
  #bodyLeft = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  set limitBytes(bytes: number) {
    this.#limitBytes = bytes;
  }

  push(chunk: Uint8Array): FramingStep {
    let at = 0;
    while (at < chunk.length) {
      if (this.#inHeader) {
        const byte = chunk[at++] ?? 0;
        if (!this.#takeHeaderByte(byte)) continue;
        const packetBytes = this.#headerBytes + this.#lengthValue;
        if (packetBytes > this.#limitBytes) return { kind: 'too-big', packetBytes };
        this.#inHeader = false;
        this.#bodyLeft = this.#lengthValue;
      } else {
        const taken = Math.min(this.#bodyLeft, chunk.length - at);
        this.#bodyLeft -= taken;
        at += taken;
      }
      if (!this.#inHeader && this.#bodyLeft === 0) {
        const cut = this.#type === CONNECT || this.#type === SUBSCRIBE;
        this.#reset();
        if (cut) return { kind: 'pass', bytes: at };
      }
    }
    return { kind: 'pass', bytes: at };
  }

  /** True when the fixed header is complete. [MQTT-2.2.3]: at most four length bytes, seven bits each. */
  #takeHeaderByte(byte: number): boolean {
    if (this.#headerBytes === 0) {
      this.#type = byte >> 4;
      this.#headerBytes = 1;
      return false;
    }
    this.#lengthValue += (byte & 127) * 128 ** (this.#headerBytes - 1);
    this.#headerBytes++;
    // A fifth length byte is malformed; the parser refuses it. Here it only must not run on.
    return (byte & 128) === 0 || this.#headerBytes > 5;
  }

  #reset(): void {
    this.#inHeader = true;
    this.#headerBytes = 0;
    this.#lengthValue = 0;
  }
}
