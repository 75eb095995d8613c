// The difference of a drift as a reviewer reads it: one block for each path, what the code says in red, what is there in green.
import type { Drift } from '../api/types';
import { Icon } from '../ui/icon';
import { lines, parts, type Line } from './diff';
import { masked, text } from './value';

type Entry = Drift['difference'][string];

export function Difference({ drift }: { drift: Pick<Drift, 'difference' | 'differenceTruncated'> }) {
  const entries = Object.entries(drift.difference);
  return (
    <div class="diff">
      {entries.map(([path, entry]) => (
        <Path key={path} path={path} entry={entry} />
      ))}
      {entries.length === 0 && <p class="diff-note">Only the planned action differs.</p>}
      {drift.differenceTruncated === true && <p class="diff-note">The rest of the difference is too large to show.</p>}
    </div>
  );
}

function Path({ path, entry }: { path: string; entry: Entry }) {
  const { expected, actual } = entry;
  const kind = entry.order === true ? 'order' : expected === null ? 'added' : actual === null ? 'removed' : 'changed';
  return (
    <section class="diff-path" aria-label={path}>
      <h3 class="diff-name">
        <code dir="ltr">{path}</code>
        {kind !== 'changed' && <span class={`diff-kind diff-kind-${kind}`}>{kind === 'order' ? 'only the order' : kind}</span>}
      </h3>
      {expected === masked || actual === masked ? <Masked expected={expected} actual={actual} /> : <Sides expected={expected} actual={actual} />}
    </section>
  );
}

function Sides({ expected, actual }: { expected: unknown; actual: unknown }) {
  const before = text(expected);
  const after = text(actual);
  if (expected !== null && actual !== null && !before.includes('\n') && !after.includes('\n')) {
    const p = parts(before, after);
    return (
      <div class="diff-lines">
        <div class="diff-line diff-line-gone">
          <Sign kind="gone" />
          <span class="diff-text" dir="auto">
            {p.before}
            <mark>{p.expected}</mark>
            {p.after}
          </span>
        </div>
        <div class="diff-line diff-line-new">
          <Sign kind="new" />
          <span class="diff-text" dir="auto">
            {p.before}
            <mark>{p.actual}</mark>
            {p.after}
          </span>
        </div>
      </div>
    );
  }
  const all: Line[] =
    expected === null
      ? after.split('\n').map((line) => ({ kind: 'new', text: line }))
      : actual === null
        ? before.split('\n').map((line) => ({ kind: 'gone', text: line }))
        : lines(before, after);
  return (
    <div class="diff-lines">
      {folded(all).map((line, i) =>
        typeof line === 'number' ? (
          <div key={i} class="diff-fold">
            {line} lines are the same
          </div>
        ) : (
          <div key={i} class={`diff-line diff-line-${line.kind}`}>
            <Sign kind={line.kind} />
            <span class="diff-text" dir="auto">
              {line.text}
            </span>
          </div>
        ),
      )}
    </div>
  );
}

const around = 3; // equal lines that are shown beside a difference

// folded replaces long runs of equal lines by their number.
function folded(all: Line[]): (Line | number)[] {
  const near = new Set<number>();
  all.forEach((line, i) => {
    if (line.kind !== 'same') {
      for (let k = i - around; k <= i + around; k++) {
        near.add(k);
      }
    }
  });
  const result: (Line | number)[] = [];
  for (let i = 0; i < all.length; i++) {
    if (near.has(i)) {
      result.push(all[i]!);
      continue;
    }
    let length = 0;
    while (i + length < all.length && !near.has(i + length)) {
      length++;
    }
    result.push(...(length > 1 ? [length] : [all[i]!]));
    i += length - 1;
  }
  return result;
}

function Sign({ kind }: { kind: Line['kind'] }) {
  return (
    <span class="diff-sign">
      <span aria-hidden="true">{kind === 'gone' ? '−' : kind === 'new' ? '+' : ' '}</span>
      {kind !== 'same' && <span class="visually-hidden">{kind === 'gone' ? 'expected: ' : 'actual: '}</span>}
    </span>
  );
}

function Masked({ expected, actual }: { expected: unknown; actual: unknown }) {
  const side = (value: unknown, kind: Line['kind']) => (
    <div class={`diff-line diff-line-${kind}`}>
      <Sign kind={kind} />
      <span class="diff-text" dir="auto">
        {value === masked ? (
          <span class="masked">
            <Icon name="lock" /> masked
          </span>
        ) : (
          text(value)
        )}
      </span>
    </div>
  );
  return (
    <div class="diff-lines">
      {expected !== null && side(expected, 'gone')}
      {actual !== null && side(actual, 'new')}
    </div>
  );
}

/** One line of the difference, for a row of a list. */
export function Summary({ drift }: { drift: Drift }) {
  const entries = Object.entries(drift.difference);
  const [first] = entries;
  if (first === undefined) {
    return <span class="summary">{drift.plannedAction ?? ''}</span>;
  }
  const [path, entry] = first;
  const gone = drift.actualState === null || (drift.plannedAction === 'create' && entry.actual === null);
  return (
    <span class="summary">
      <code dir="ltr">{path}</code>
      {gone && entries.length > 3 ? null : <Short entry={entry} />}
      {entries.length > 1 && <span class="summary-more">+{entries.length - 1}</span>}
    </span>
  );
}

function Short({ entry }: { entry: Entry }) {
  if (entry.order === true) {
    return <span class="summary-value">order</span>;
  }
  if (entry.expected === masked || entry.actual === masked) {
    return (
      <span class="summary-value">
        <Icon name="lock" />
        <span class="visually-hidden">masked</span>
      </span>
    );
  }
  const [expected, actual] = brief(line(entry.expected), line(entry.actual));
  return (
    <span class="summary-value">
      {entry.expected !== null && <del dir="auto">{expected}</del>}
      {entry.expected !== null && entry.actual !== null && <span class="summary-arrow">→</span>}
      {entry.actual !== null && <ins dir="auto">{actual}</ins>}
    </span>
  );
}

function line(value: unknown): string {
  return text(value).replaceAll(/\s+/g, ' ');
}

const briefly = 32; // characters that a row has for one side

// brief leaves out what two long values begin with in common, so that the row shows what differs.
function brief(expected: string, actual: string): [string, string] {
  const { before } = parts(expected, actual);
  const cut = Math.max(expected.length, actual.length) > briefly && before.length > 8 ? before.length - 6 : 0;
  const one = (value: string) => {
    const rest = (cut > 0 ? '…' : '') + value.slice(cut);
    return rest.length > briefly ? `${rest.slice(0, briefly - 1)}…` : rest;
  };
  return [one(expected), one(actual)];
}
