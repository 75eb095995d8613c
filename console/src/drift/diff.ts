// The lines of a difference.

export interface Line {
  kind: 'same' | 'gone' | 'new';
  text: string;
}

const tooMany = 4_000_000; // cells of the table; beyond that both sides are shown whole

/** lines is the shortest way from one text to the other, by lines. */
export function lines(expected: string, actual: string): Line[] {
  const a = expected.split('\n');
  const b = actual.split('\n');
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    start++;
  }
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) {
    end++;
  }
  const same = (text: string): Line => ({ kind: 'same', text });
  return [...a.slice(0, start).map(same), ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)), ...a.slice(a.length - end).map(same)];
}

function middle(a: string[], b: string[]): Line[] {
  const gone = (text: string): Line => ({ kind: 'gone', text });
  const fresh = (text: string): Line => ({ kind: 'new', text });
  if (a.length * b.length > tooMany) {
    return [...a.map(gone), ...b.map(fresh)];
  }
  // The longest common subsequence, from the end.
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] = a[i] === b[j] ? 1 + table[(i + 1) * width + j + 1]! : Math.max(table[(i + 1) * width + j]!, table[i * width + j + 1]!);
    }
  }
  const result: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      result.push({ kind: 'same', text: a[i]! });
      i++;
      j++;
    } else if (table[(i + 1) * width + j]! >= table[i * width + j + 1]!) {
      result.push(gone(a[i++]!));
    } else {
      result.push(fresh(b[j++]!));
    }
  }
  return [...result, ...a.slice(i).map(gone), ...b.slice(j).map(fresh)];
}

/** parts splits two short texts into what they share and the middle that differs. */
export function parts(expected: string, actual: string): { before: string; expected: string; actual: string; after: string } {
  let start = 0;
  while (start < expected.length && start < actual.length && expected[start] === actual[start]) {
    start++;
  }
  let end = 0;
  while (end < expected.length - start && end < actual.length - start && expected[expected.length - 1 - end] === actual[actual.length - 1 - end]) {
    end++;
  }
  // When little is shared, the whole differs.
  if (start + end < Math.min(expected.length, actual.length) / 3) {
    return { before: '', expected, actual, after: '' };
  }
  return {
    before: expected.slice(0, start),
    expected: expected.slice(start, expected.length - end),
    actual: actual.slice(start, actual.length - end),
    after: expected.slice(expected.length - end),
  };
}
