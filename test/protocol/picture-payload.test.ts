import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePayload, encodePayload, PayloadError } from '../../protocol/codec.js';
import { routes } from '../../protocol/routes.js';

const OFFER = { v: 1, id: 'a1', model: 'f'.repeat(64), deadlineMs: 500, scoreMin: 0.3, widthPx: 320, heightPx: 240 };
const JPEG = [0xff, 0xd8, 0xff, 0xe0];

function bytesOf(head: string, picture: readonly number[] = JPEG): Uint8Array {
  return new Uint8Array([...new TextEncoder().encode(head), ...picture]);
}

describe('a payload with a picture', () => {
  it('comes back as it was sent, whatever the bytes of the picture', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.string({ minLength: 1, maxLength: 64 }), (rest, id) => {
        const offer = { ...OFFER, id, picture: new Uint8Array([...JPEG, ...rest]) };
        const decoded = decodePayload(routes.offer, encodePayload(routes.offer, offer));
        expect({ ...decoded, picture: [...decoded.picture] }).toEqual({ ...offer, picture: [...offer.picture] });
      }),
    );
  });

  it('shares its bytes with the payload', () => {
    const payload = encodePayload(routes.offer, { ...OFFER, picture: new Uint8Array(JPEG) });
    expect(decodePayload(routes.offer, payload).picture.buffer).toBe(payload.buffer);
  });

  it.each([
    ['without a line feed', bytesOf(JSON.stringify(OFFER)), /no line feed/],
    ['whose head is no JSON', bytesOf('{"v":1\n'), /not JSON/],
    ['whose head is a list', bytesOf('[1]\n'), /no JSON object/],
    ['whose head is not UTF-8', new Uint8Array([0x7b, 0xff, 0x0a, ...JPEG]), /UTF-8/],
    ['without a picture', bytesOf(`${JSON.stringify(OFFER)}\n`, []), /picture: allowed: a JPEG/],
    ['with a PNG', bytesOf(`${JSON.stringify(OFFER)}\n`, [0x89, 0x50, 0x4e, 0x47]), /picture: allowed: a JPEG/],
    ['with a head that names itself a picture', bytesOf('{"v":1,"picture":"x"}\n'), /id/],
    ['with a deadline of nothing', bytesOf(`${JSON.stringify({ ...OFFER, deadlineMs: 0 })}\n`), /deadlineMs/],
    ['with a head that has no end', new Uint8Array(200_000).fill(0x20), /no line feed in the first/],
    ['that is too large', new Uint8Array(300_000), /allowed 262144/],
  ])('is refused %s', (_, payload, words) => {
    expect(() => decodePayload(routes.offer, payload)).toThrow(PayloadError);
    expect(() => decodePayload(routes.offer, payload)).toThrow(words);
  });
});
