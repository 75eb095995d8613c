// One rule: what it does and hides, and the form in which it is written, beside what it would do.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { del, get, patch, post } from '../../api/client';
import { ApiError, messageOf } from '../../api/error';
import type { Data, Schemas, Severity } from '../../api/types';
import { endOf } from '../../drift/decide';
import { navigate, parameters } from '../../router';
import { Ends, MatchWords, effectOf, lists, origins, type Rule } from '../../rules/words';
import { isAdmin, mayDecide } from '../../session/me';
import { subject } from '../../title';
import { Address } from '../../ui/address';
import { SeverityBadge, StatusPill } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Field, Select } from '../../ui/field';
import { Icon } from '../../ui/icon';
import { useResource } from '../../ui/resource';
import { Empty, ErrorBox, Skeleton } from '../../ui/state';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';

type Draft = Schemas['RuleDraft'];
type Match = Schemas['RuleMatch'];

const back = (
  <a class="back" href="/settings/rules">
    <Icon name="left" /> Rules
  </a>
);

export function RuleScreen({ id }: { id: string }) {
  const { data, error, reload } = useResource(`rule ${id}`, (signal) => get<Rule>(`/rules/${id}`, signal), ['rule.', 'drift.suppressed', 'drift.surfaced']);
  const changing = useSignal(false);
  const ending = useSignal(false);
  const rule = data.value;
  useEffect(() => {
    subject.value = rule === undefined ? 'Rule' : `${effectOf(rule)}: rule`;
  }, [rule]);
  if (rule === undefined) {
    return error.value === undefined ? (
      <Skeleton rows={4} />
    ) : error.value instanceof ApiError && (error.value.status === 404 || error.value.status === 400) ? (
      <Empty whole icon="search" title="There is no such rule">
        <a href="/settings/rules">To the rules</a>
      </Empty>
    ) : (
      <ErrorBox error={error.value} retry={reload} />
    );
  }
  if (changing.value) {
    return (
      <RuleForm
        rule={rule}
        title="Change the rule"
        onClose={() => (changing.value = false)}
        onDone={() => {
          changing.value = false;
          toast('Saved. Open drifts follow within seconds.');
          reload();
        }}
      />
    );
  }
  const act = (work: Promise<unknown>, done: string) =>
    work.then(
      () => {
        toast(done);
        reload();
      },
      (e: unknown) => toast(messageOf(e), true),
    );
  const draft: Draft = { effect: rule.effect, match: rule.match, reason: rule.reason, severity: rule.severity, owner: rule.owner };
  return (
    <>
      <header class="page-head">
        {back}
        <h1 dir="auto">{effectOf(rule)}</h1>
        <StatusPill status={rule.status === 'active' ? 'ok' : rule.status} text={rule.status === 'active' ? 'in force' : (rule.endedHow ?? rule.status)} />
        {isAdmin.value && rule.status === 'proposed' && (
          <Button small kind="primary" onClick={() => void act(post(`/rules/${id}/accept`), 'In force.')}>
            Accept
          </Button>
        )}
        {isAdmin.value && rule.status !== 'ended' && (
          <>
            <Button small onClick={() => (changing.value = true)}>
              Change
            </Button>
            <Button small kind="danger" onClick={() => (ending.value = true)}>
              {rule.status === 'proposed' ? 'Decline' : 'End'}
            </Button>
          </>
        )}
        {mayDecide.value && rule.status === 'ended' && (
          <a class="button button-plain button-small" href={`/settings/rules/new?from=${rule.id}`}>
            {isAdmin.value ? 'Make it again' : 'Propose it again'}
          </a>
        )}
      </header>
      {error.value !== undefined && <ErrorBox error={error.value} retry={reload} />}
      <section class="card card-body rule-facts" aria-label="The rule">
        <p>
          <MatchWords match={rule.match} whole />
        </p>
        <blockquote class="reason" dir="auto">
          {rule.reason}
        </blockquote>
        <p class="muted">
          By <bdi>{rule.createdBy}</bdi> <Time at={rule.createdAt} suffix />
          {rule.acceptedBy !== null && rule.acceptedBy !== rule.createdBy && (
            <>
              , accepted by <bdi>{rule.acceptedBy}</bdi>
            </>
          )}
          .{' '}
          {rule.endedAt !== null ? (
            <>
              It ended <Time at={rule.endedAt} suffix />
              {rule.endedBy !== null && (
                <>
                  , by <bdi>{rule.endedBy}</bdi>
                </>
              )}
              .
            </>
          ) : (
            <>
              It ends <Ends at={rule.expiresAt} />.
            </>
          )}{' '}
          {rule.status === 'active' && rule.effect === 'ignore' && (
            <a href="/inbox?view=ignored">
              It hides {rule.suppressedDrifts === 1 ? 'one open drift' : `${rule.suppressedDrifts.toLocaleString('en')} open drifts`}
            </a>
          )}
        </p>
      </section>
      {mayDecide.value && rule.status !== 'ended' && <Preview draft={draft} there />}
      {ending.value && (
        <Dialog title={rule.status === 'proposed' ? 'Decline this proposal?' : 'End this rule?'} onClose={() => (ending.value = false)}>
          <p>{rule.status === 'proposed' ? 'It never comes into force.' : 'What it hides comes back within seconds, unless another rule hides it, too. The rule stays readable, and can be made again.'}</p>
          <div class="dialog-foot">
            <Button onClick={() => (ending.value = false)}>Cancel</Button>
            <Button
              kind="danger"
              onClick={() => {
                ending.value = false;
                void act(del(`/rules/${id}`), rule.status === 'proposed' ? 'Declined.' : 'Ended.');
              }}
            >
              {rule.status === 'proposed' ? 'Decline' : 'End the rule'}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

/** NewRule begins empty, with what the address names (path, type, address, workspace), or with a rule that has ended. */
export function NewRule() {
  const from = parameters.value.get('from') ?? '';
  const { data, error, reload } = useResource(`from ${from}`, async (signal) => (from === '' ? undefined : get<Rule>(`/rules/${encodeURIComponent(from)}`, signal)));
  if (!mayDecide.value) {
    return <Empty whole icon="lock" title="Engineers propose rules, and admins make them" />;
  }
  if (error.value !== undefined) {
    return <ErrorBox error={error.value} retry={reload} />;
  }
  if (from !== '' && data.value === undefined) {
    return <Skeleton rows={6} />;
  }
  return (
    <RuleForm
      rule={data.value}
      again
      title={isAdmin.value ? 'New rule' : 'Propose a rule'}
      onClose={() => navigate('/settings/rules')}
      onDone={(made) => {
        toast(made.status === 'active' ? 'In force. Open drifts follow within seconds.' : 'Proposed. An admin accepts it.');
        navigate(`/settings/rules/${made.id}`, { replace: true });
      }}
    />
  );
}

const hints = {
  paths: 'As the difference shows it; also what is below: tags covers tags.env.',
  addresses: 'Also what is below: module.network covers all that is in it.',
  types: 'Such as aws_db_instance, or aws_*.',
  providers: 'Such as hashicorp/aws.',
  workspaces: 'Names, or patterns such as network/*.',
};

const labels = { paths: 'Paths', addresses: 'Addresses', types: 'Resource types', providers: 'Providers', workspaces: 'Workspaces' };

const endings: [string, string][] = [
  ['', 'When someone ends it'],
  ['7', 'In a week'],
  ['30', 'In 30 days'],
  ['90', 'In 90 days'],
  ['date', 'On a day of your choice'],
];

interface FormProps {
  /** The rule to change, or to make again. */
  rule: Rule | undefined;
  again?: boolean;
  title: string;
  onClose: () => void;
  onDone: (rule: Rule) => void;
}

function RuleForm({ rule, again = false, title, onClose, onDone }: FormProps) {
  const begin = (key: (typeof lists)[number][0], name: string) => (rule?.match[key] ?? parameters.peek().getAll(name)).join('\n');
  const texts = useSignal(Object.fromEntries(lists.map(([key, name]) => [key, begin(key, name)])) as Record<keyof typeof labels, string>);
  const from = useSignal<ReadonlySet<string>>(new Set<string>(rule?.match.origins ?? []));
  const noOp = useSignal(rule?.match.plannedNoOp === true);
  const effect = useSignal<string>(rule?.effect ?? 'ignore');
  const severity = useSignal<string>(rule?.severity ?? 'info');
  const owner = useSignal(rule?.owner ?? '');
  const reason = useSignal(rule?.reason ?? '');
  const kept = !again && rule?.expiresAt != null;
  const end = useSignal(kept ? 'date' : '');
  const day = useSignal(kept ? rule!.expiresAt!.slice(0, 10) : '');
  const error = useSignal<unknown>(undefined);
  const refused = useSignal(false);
  const busy = useSignal(false);

  const match: Match = {};
  for (const [key] of lists) {
    const values = texts.value[key].split('\n').map((v) => v.trim()).filter((v) => v !== '');
    if (values.length > 0) {
      match[key] = values;
    }
  }
  if (from.value.size > 0) {
    match.origins = origins.map(([o]) => o).filter((o) => from.value.has(o));
  }
  if (noOp.value) {
    match.plannedNoOp = true;
  }
  const nothing = Object.keys(match).length === 0;
  const more = useRef((rule?.match.providers?.length ?? 0) > 0 || from.peek().size > 0 || noOp.peek()).current;
  const draft: Draft = {
    effect: effect.value as Draft['effect'],
    match,
    reason: reason.value.trim(),
    ...(effect.value === 'severity' ? { severity: severity.value as Severity } : {}),
    ...(effect.value === 'owner' ? { owner: owner.value.trim() } : {}),
  };
  const tooShort = draft.reason.length < 10;
  const noDay = end.value === 'date' && day.value === '';
  const save = async () => {
    refused.value = tooShort || noDay || nothing;
    if (refused.value || busy.value) {
      return;
    }
    busy.value = true;
    error.value = undefined;
    // An end that was not touched stays as it is, to the second.
    const same = kept && end.value === 'date' && day.value === rule!.expiresAt!.slice(0, 10);
    const expiresAt = endOf(end.value, day.value) ?? null;
    try {
      if (rule === undefined || again) {
        onDone(await post<Data<'createRule'>>('/rules', { ...draft, expiresAt }));
      } else {
        const { effect: _, ...fields } = draft;
        onDone(await patch<Data<'updateRule'>>(`/rules/${rule.id}`, { ...fields, ...(same ? {} : { expiresAt }) }));
      }
    } catch (e) {
      error.value = e;
    }
    busy.value = false;
  };
  const glob = (key: keyof typeof labels) => (
    <Field
      key={key}
      label={labels[key]}
      lines={Math.min(8, texts.value[key].split('\n').length)}
      value={texts.value[key]}
      hint={hints[key]}
      error={refused.value && nothing && key === 'paths' ? 'Name at least one thing that must fit.' : undefined}
      onInput={(v) => (texts.value = { ...texts.value, [key]: v })}
    />
  );
  return (
    <>
      <header class="page-head">
        {back}
        <h1>{title}</h1>
      </header>
      <div class="rule-write">
        <form
          class="card card-form"
          onSubmit={(e) => {
            e.preventDefault();
            void save();
          }}
        >
          {rule === undefined || again ? (
            <Select
              label="What it does"
              value={effect.value}
              onChange={(v) => (effect.value = v)}
              options={[
                ['ignore', 'Ignore: nobody needs to look'],
                ['severity', 'Set the severity'],
                ['owner', 'Say whose it is'],
              ]}
            />
          ) : null}
          {effect.value === 'severity' && (
            <Select
              label="Severity"
              value={severity.value}
              onChange={(v) => (severity.value = v)}
              options={[
                ['critical', 'Critical'],
                ['warning', 'Warning'],
                ['info', 'Info'],
              ]}
            />
          )}
          {effect.value === 'owner' && <Field label="Owner" required maxLength={200} value={owner.value} hint="A team or a person." onInput={(v) => (owner.value = v)} />}
          <p class="muted">Which drifts? All that you name must fit; of several lines, one. * is any text.</p>
          {lists.filter(([key]) => key !== 'providers').map(([key]) => glob(key))}
          <details class="rule-more" open={more}>
            <summary>More conditions</summary>
            {glob('providers')}
            <fieldset class="choices">
              <legend>Only drifts that are</legend>
              {origins.map(([origin, text]) => (
                <label key={origin} class="check-line">
                  <input
                    type="checkbox"
                    checked={from.value.has(origin)}
                    onChange={(e) => {
                      const next = new Set(from.value);
                      if (e.currentTarget.checked) {
                        next.add(origin);
                      } else {
                        next.delete(origin);
                      }
                      from.value = next;
                    }}
                  />{' '}
                  {text}
                </label>
              ))}
              <label class="check-line">
                <input type="checkbox" checked={noOp.value} onChange={(e) => (noOp.value = e.currentTarget.checked)} /> left as they are by the plan
              </label>
            </fieldset>
          </details>
          <Field
            label="Reason"
            lines={2}
            maxLength={1000}
            value={reason.value}
            hint="Everyone sees it with each drift."
            error={refused.value && tooShort ? 'At least 10 characters: others read it later.' : undefined}
            onInput={(v) => (reason.value = v)}
          />
          <Select label="It ends" value={end.value} options={endings} onChange={(v) => (end.value = v)} />
          {end.value === 'date' && (
            <Field label="Its last day" type="date" value={day.value} error={refused.value && noDay ? 'Choose a day.' : undefined} onInput={(v) => (day.value = v)} />
          )}
          {error.value !== undefined && <ErrorBox error={error.value} />}
          <div class="dialog-foot">
            <Button onClick={onClose}>Cancel</Button>
            <Button type="submit" kind="primary" busy={busy.value}>
              {rule !== undefined && !again ? 'Save' : isAdmin.value ? 'Make the rule' : 'Propose it'}
            </Button>
          </div>
        </form>
        <Preview draft={nothing ? undefined : draft} there={rule !== undefined && !again} />
      </div>
    </>
  );
}

type Previewed = Data<'previewRule'>;

/** Preview shows what a rule would do to the open drifts; there is for one that exists, which the numbers include already. */
function Preview({ draft, there }: { draft: Draft | undefined; there: boolean }) {
  const result = useSignal<Previewed | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  const last = useRef(0);
  // What is not written yet must not keep people from seeing what they would hit.
  const asked = draft && JSON.stringify({ ...draft, reason: 'only to see what it would do', ...(draft.effect === 'owner' ? { owner: draft.owner === '' ? '?' : draft.owner } : {}) });
  useEffect(() => {
    const mine = ++last.current;
    if (asked === undefined) {
      result.value = undefined;
      error.value = undefined;
      return;
    }
    const timer = setTimeout(() => {
      post<Previewed>('/rules/preview', JSON.parse(asked)).then(
        (found) => {
          if (mine === last.current) {
            result.value = found;
            error.value = undefined;
          }
        },
        (e: unknown) => {
          if (mine === last.current) {
            error.value = e;
          }
        },
      );
    }, 400);
    return () => clearTimeout(timer);
  }, [asked]);
  const found = result.value;
  const ignores = draft?.effect === 'ignore' && !there;
  return (
    <section class="card preview" aria-labelledby="preview">
      <header class="card-head">
        <h2 id="preview">{there ? 'What it matches now' : 'What it would do'}</h2>
      </header>
      <div class="card-body" role="status">
        {error.value !== undefined && <ErrorBox error={error.value} />}
        {asked === undefined && <p class="muted">Name a path, a type or an address, and the open drifts that it is about appear here. Nothing changes until you save.</p>}
        {asked !== undefined && found === undefined && error.value === undefined && <Skeleton rows={3} />}
        {found !== undefined && (
          <p>
            {found.matched === 0 ? (
              <>
                <strong>Nothing</strong> of {found.examined.toLocaleString('en')} open {found.examined === 1 ? 'drift' : 'drifts'} fits now.
              </>
            ) : ignores && found.suppressed === 0 ? (
              <>
                <strong>Hides none</strong> of {found.examined.toLocaleString('en')} open drifts: {found.matched === 1 ? 'the one that it matches differs' : `the ${found.matched.toLocaleString('en')} that it matches differ`} elsewhere, too.
              </>
            ) : ignores ? (
              <>
                <strong>
                  Hides {found.suppressed.toLocaleString('en')} of {found.examined.toLocaleString('en')}
                </strong>{' '}
                open drifts{found.matched > found.suppressed && `, and matches a path of ${found.matched.toLocaleString('en')}`}.
              </>
            ) : (
              <>
                <strong>
                  Matches {found.matched.toLocaleString('en')} of {found.examined.toLocaleString('en')}
                </strong>{' '}
                open drifts{!there && `, and changes ${found.changed.toLocaleString('en')}`}.
              </>
            )}
            {!found.complete && ' There are more than were looked at.'}
          </p>
        )}
      </div>
      {found !== undefined && found.drifts.length > 0 && (
        <ul class="preview-drifts" aria-label="Drifts that it matches">
          {found.drifts.map((d) => (
            <li key={d.id}>
              <SeverityBadge severity={d.severity} />
              <span class="preview-what">
                <a href={`/drifts/${d.id}`}>
                  <Address text={d.resourceId} />
                </a>
                <span class="muted">
                  <bdi>{d.workspace}</bdi>
                  {d.paths.length > 0 && ': '}
                  {d.paths.slice(0, 3).map((p, i) => (
                    <>
                      {i > 0 && ', '}
                      <code dir="ltr">{p}</code>
                    </>
                  ))}
                  {d.paths.length > 3 && ` and ${d.paths.length - 3} more`}
                </span>
              </span>
              {ignores && <span class={d.suppressed ? 'pill pill-triaged' : 'pill'}>{d.suppressed ? 'hidden' : 'stays'}</span>}
            </li>
          ))}
        </ul>
      )}
      {found !== undefined && found.matched > found.drifts.length && <p class="muted more">These are the first {found.drifts.length}.</p>}
    </section>
  );
}
