import sharp from 'sharp';

/** A small JPEG of one colour with a gradient, different for each `seed`. */
export async function jpegPicture(seed: number, widthPx = 64, heightPx = 48): Promise<Buffer> {
  return await sharp(gradient(seed, widthPx, heightPx), { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .jpeg({ quality: 80 })
    .toBuffer();
}

/** A JPEG that carries another JPEG as the thumbnail of its EXIF segment, end marker and all. */
export async function jpegWithThumbnail(seed: number): Promise<Buffer> {
  const jpeg = await jpegPicture(seed);
  const payload = Buffer.concat([
    Buffer.from('Exif\0\0MM\0*\0\0\0\x08', 'latin1'),
    await jpegPicture(seed + 100, 16, 12),
  ]);
  const head = Buffer.from([0xff, 0xe1, (payload.length + 2) >> 8, (payload.length + 2) & 0xff]);
  return Buffer.concat([jpeg.subarray(0, 2), head, payload, jpeg.subarray(2)]);
}

function gradient(seed: number, widthPx: number, heightPx: number): Uint8Array {
  const pixels = new Uint8Array(widthPx * heightPx * 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * 7 + seed * 31 + ((i * i) >> 5)) & 0xff;
  return pixels;
}
