/** Width and height of a character cell before scaling; one column is left blank between characters. */
export const GLYPH_WIDTH_PX = 5;
export const GLYPH_HEIGHT_PX = 7;

// Seven rows from the top, five bits each, the leftmost pixel the highest bit: the classic matrix of character displays.
// Drawn by ourselves because a board has no fonts, and the SVG loader that could bring some is closed to pictures.
const GLYPHS: Readonly<Record<string, string>> = {
  ' ': '00000000000000',
  A: '0e11111f111111',
  B: '1e11111e11111e',
  C: '0e11101010110e',
  D: '1e11111111111e',
  E: '1f10101e10101f',
  F: '1f10101e101010',
  G: '0e11101711110f',
  H: '1111111f111111',
  I: '0e04040404040e',
  J: '0702020202120c',
  K: '11121418141211',
  L: '1010101010101f',
  M: '111b1515111111',
  N: '11111915131111',
  O: '0e11111111110e',
  P: '1e11111e101010',
  Q: '0e11111115120d',
  R: '1e11111e141211',
  S: '0f10100e01011e',
  T: '1f040404040404',
  U: '1111111111110e',
  V: '11111111110a04',
  W: '1111111515150a',
  X: '11110a040a1111',
  Y: '1111110a040404',
  Z: '1f01020408101f',
  '0': '0e11131519110e',
  '1': '040c040404040e',
  '2': '0e11010204081f',
  '3': '1f02040201110e',
  '4': '02060a121f0202',
  '5': '1f101e0101110e',
  '6': '0608101e11110e',
  '7': '1f010204080808',
  '8': '0e11110e11110e',
  '9': '0e11110f01020c',
  '.': '00000000000c0c',
  ',': '000000000c0408',
  '-': '0000001f000000',
  _: '0000000000001f',
  '+': '0004041f040400',
  '%': '18190204081303',
  '/': '00010204081000',
  ':': '000c0c000c0c00',
  '(': '02040808080402',
  ')': '08040202020408',
  '#': '0a0a1f0a1f0a0a',
  '?': '0e110102040004',
};

/** Seven rows of a character, five bits each. Letters are capitals; what the font has not got is a question mark. */
export function glyphRows(character: string): readonly number[] {
  const hex = GLYPHS[character.toUpperCase()] ?? GLYPHS['?'] ?? '';
  return Array.from({ length: GLYPH_HEIGHT_PX }, (_, row) => Number.parseInt(hex.slice(row * 2, row * 2 + 2), 16));
}
