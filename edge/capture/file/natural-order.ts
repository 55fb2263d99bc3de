const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Orders file names as a person counts: `frame-9.jpg` before `frame-10.jpg`. Total: equal only if identical. */
export function naturalOrder(a: string, b: string): number {
  const order = collator.compare(a, b);
  if (order !== 0) return order;
  return a < b ? -1 : a > b ? 1 : 0;
}
