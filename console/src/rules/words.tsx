// Rules in words: what one does, which drifts it is about, and until when.
import type { Schemas } from '../api/types';
import { exactTime } from '../ui/time';

export type Rule = Schemas['Rule'];
type Match = Schemas['RuleMatch'];

/** The lists of a match, in the order in which people think of them. */
export const lists = [
  ['paths', 'path'],
  ['addresses', 'address'],
  ['types', 'type'],
  ['providers', 'provider'],
  ['workspaces', 'workspace'],
] as const;

export const origins: [NonNullable<Match['origins']>[number], string][] = [
  ['drift', 'changed behind the code'],
  ['change', 'code not applied'],
  ['manual', 'reported'],
];

/** effectOf is what a rule does, before the drifts that it does it to. */
export function effectOf(rule: Pick<Rule, 'effect' | 'severity' | 'owner'>): string {
  switch (rule.effect) {
    case 'ignore':
      return 'Ignore';
    case 'severity':
      return `Call it ${rule.severity ?? ''}`;
    case 'owner':
      return `Owner ${rule.owner ?? ''}`;
  }
}

/** nameOf is a rule as one line of text. */
export function nameOf(rule: Rule): string {
  return [effectOf(rule), ...facts(rule.match).map((f) => `${f.name} ${f.values.join(', ')}`)].join(', ');
}

function facts(match: Match): { name: string; values: string[]; globs: boolean }[] {
  const all: { name: string; values: string[]; globs: boolean }[] = lists.map(([key, name]) => ({ name, values: match[key] ?? [], globs: true }));
  all.push({ name: 'origin', values: origins.filter(([o]) => match.origins?.includes(o)).map(([, text]) => text), globs: false });
  all.push({ name: 'plan', values: match.plannedNoOp === true ? ['leaves it as it is'] : [], globs: false });
  return all.filter((f) => f.values.length > 0);
}

const shown = 4; // values of each kind, in a list

/** MatchWords says which drifts a rule is about. */
export function MatchWords({ match, whole = false }: { match: Match; whole?: boolean }) {
  return (
    <span class="match">
      {facts(match).map(({ name, values, globs }) => (
        <span key={name} class="match-part">
          <span class="muted">{name}</span>{' '}
          {(whole ? values : values.slice(0, shown)).map((value, i) => (
            <>
              {i > 0 && <span class="muted"> or </span>}
              {globs ? <code dir="auto">{value}</code> : value}
            </>
          ))}
          {!whole && values.length > shown && <span class="muted"> and {values.length - shown} more</span>}
        </span>
      ))}
    </span>
  );
}

/** Ends says when a rule ends by itself. */
export function Ends({ at }: { at: string | null }) {
  return at === null ? (
    <span class="muted">when someone ends it</span>
  ) : (
    <time dateTime={at} title={exactTime(at)}>
      {at.slice(0, 10)}
    </time>
  );
}
