/** Rules of sharing sources that can be left out; each holds up an invariant. */
export const SOURCE_RULES = [
  'a will ends what was claimed',
  'silence ends what was claimed',
  'of two that meet one gives way',
  'an owner stays',
  'an overloaded owner is relieved of one source at a time',
  'the second waits for the first',
  'the second comes after the first',
  'who leaves waits for the next',
  'somebody listens for what nobody knows',
  'what sends nothing makes room',
  'what is dropped is counted',
  'who has waited longest is next',
] as const;
export type SourceRule = (typeof SOURCE_RULES)[number];
