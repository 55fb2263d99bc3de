import { type Document, isCollection, isMap, isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml';

/** Steps from the top of a configuration to one value: keys of maps, indexes of lists. */
export type ConfigPath = readonly (string | number)[];

/** Where something stands in the file, both from 1, in characters. */
export type FilePosition = { readonly line: number; readonly column: number };

/** A fault of the text itself, before any schema is asked. */
export type SyntaxProblem = { readonly position: FilePosition; readonly message: string };

/** Syntax faults told at once. One missing bracket makes dozens, and the first few are the ones that help. */
const SYNTAX_PROBLEMS_MAX = 10;

/**
 * A YAML text with the position of every value. YAML 1.2 core: `no` and `on` are text, keys are unique, one document.
 * Line ends may be LF or CRLF, and a byte order mark is taken.
 */
export class ConfigDocument {
  /** What the text says, as plain objects, lists and scalars; null where it says nothing. */
  readonly value: unknown;
  readonly problems: readonly SyntaxProblem[];
  /** True if the text is so broken that `value` means nothing; a key given twice is a problem, but not such a one. */
  readonly unreadable: boolean;
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    // maxAliasCount stays at the library's 100, which ends "billion laughs" files.
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const faults = [...this.#document.errors, ...this.#document.warnings];
    const problems = faults.map((fault) => ({
      position: this.#positionAt(fault.pos[0]),
      message: fault.code === 'DUPLICATE_KEY' ? 'this key is given twice' : lowerFirst(fault.message),
    }));
    problems.push(...this.#forbiddenKeys());
    this.unreadable = faults.some((fault) => fault.code !== 'DUPLICATE_KEY');
    const read = this.unreadable ? { value: null } : this.#read();
    if ('fault' in read) problems.push({ position: { line: 1, column: 1 }, message: read.fault });
    this.value = 'value' in read ? read.value : null;
    this.unreadable ||= 'fault' in read;
    this.problems = problems.slice(0, SYNTAX_PROBLEMS_MAX);
  }

  /** Where the value at a path stands, or its key; the nearest enclosing value if there is none. */
  positionOf(path: ConfigPath, what: 'key' | 'value'): FilePosition | undefined {
    for (let length = path.length; length >= 0; length--) {
      const start = this.#startOf(path.slice(0, length), length < path.length ? 'value' : what);
      if (start !== undefined) return this.#positionAt(start);
    }
    return undefined;
  }

  #startOf(path: ConfigPath, what: 'key' | 'value'): number | undefined {
    const key = path.at(-1);
    const parent = path.length === 0 ? undefined : this.#nodeAt(path.slice(0, -1));
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      // The key is also where a missing or empty value is best pointed at.
      const node =
        what === 'value' && isNode(pair?.value) && pair.value.range?.[0] !== undefined ? pair.value : pair?.key;
      return isNode(node) ? node.range?.[0] : undefined;
    }
    const node = this.#nodeAt(path);
    return isNode(node) ? node.range?.[0] : undefined;
  }

  #nodeAt(path: ConfigPath): unknown {
    if (path.length === 0) return this.#document.contents;
    const contents = this.#document.contents;
    return isCollection(contents) ? contents.getIn(path, true) : undefined;
  }

  #positionAt(offset: number): FilePosition {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #read(): { value: unknown } | { fault: string } {
    try {
      return { value: this.#document.toJS() };
    } catch (error) {
      return { fault: error instanceof Error ? lowerFirst(error.message) : String(error) };
    }
  }

  // Schemas of maps with free keys pass over `__proto__` in silence, so it is refused here.
  #forbiddenKeys(): SyntaxProblem[] {
    const found: SyntaxProblem[] = [];
    visit(this.#document, (_, node) => {
      if (!isPair(node) || !isScalar(node.key) || node.key.value !== '__proto__') return;
      found.push({ position: this.#positionAt(node.key.range?.[0] ?? 0), message: 'the key __proto__ is not allowed' });
    });
    return found;
  }
}

function lowerFirst(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return line.charAt(0).toLowerCase() + line.slice(1);
}
