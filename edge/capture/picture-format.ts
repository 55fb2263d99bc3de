/** The formats pictures are taken in. */
export const PICTURE_FORMATS = ['jpeg', 'png', 'webp'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

type Signature = { readonly name: string; readonly at: number; readonly bytes: readonly number[] };

// What file(1) and libvips look at. The refused ones are listed so that an error can name them.
const SIGNATURES: readonly Signature[] = [
  { name: 'jpeg', at: 0, bytes: [0xff, 0xd8, 0xff] },
  { name: 'png', at: 0, bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { name: 'webp', at: 8, bytes: [...ascii('WEBP')] },
  { name: 'gif', at: 0, bytes: [...ascii('GIF8')] },
  { name: 'tiff', at: 0, bytes: [0x49, 0x49, 0x2a, 0x00] },
  { name: 'tiff', at: 0, bytes: [0x4d, 0x4d, 0x00, 0x2a] },
  { name: 'bmp', at: 0, bytes: [...ascii('BM')] },
  { name: 'pdf', at: 0, bytes: [...ascii('%PDF')] },
  { name: 'jpeg 2000', at: 4, bytes: [...ascii('jP  ')] },
  { name: 'jpeg xl', at: 0, bytes: [0xff, 0x0a] },
  { name: 'avif', at: 4, bytes: [...ascii('ftypavif')] },
  { name: 'heif', at: 4, bytes: [...ascii('ftyphei')] },
  { name: 'heif', at: 4, bytes: [...ascii('ftypmif1')] },
];

/** What the first bytes of a file say it is: one of PICTURE_FORMATS, the name of a refused format, or undefined. */
export function pictureFormatOf(bytes: Uint8Array): string | undefined {
  for (const signature of SIGNATURES) {
    if (signature.bytes.every((byte, i) => bytes[signature.at + i] === byte)) return signature.name;
  }
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 256)).trimStart().toLowerCase();
  if (start.startsWith('<svg') || (start.startsWith('<?xml') && start.includes('<svg'))) return 'svg';
  return undefined;
}

export function isPictureFormat(name: string | undefined): name is PictureFormat {
  return PICTURE_FORMATS.some((format) => format === name);
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
