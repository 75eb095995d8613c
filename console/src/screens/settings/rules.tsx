// The rules: what people need not look at, how severe it is, and whose. They are asked from the top.
import { useSignal } from '@preact/signals';
import { del, get, post } from '../../api/client';
import { messageOf } from '../../api/error';
import type { Data } from '../../api/types';
import { parameters, path, setParameters } from '../../router';
import { Ends, MatchWords, effectOf, nameOf, type Rule } from '../../rules/words';
import { isAdmin, mayDecide } from '../../session/me';
import { StatusPill } from '../../ui/badge';
import { Button } from '../../ui/button';
import { usePages } from '../../ui/pages';
import { useResource } from '../../ui/resource';
import { Empty, ErrorBox, Skeleton } from '../../ui/state';
import { More, Table } from '../../ui/table';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';
import { NewRule, RuleScreen } from './rule';

export function Rules() {
  const [, , , id = ''] = path.value.split('/');
  if (id === 'new') {
    return <NewRule />;
  }
  return id === '' ? <List /> : <RuleScreen key={id} id={id} />;
}

function List() {
  const ended = parameters.value.get('status') === 'ended';
  return (
    <>
      <header class="page-head">
        <h1>Rules</h1>
        <div class="segments" role="group" aria-label="Which rules">
          <button type="button" aria-pressed={!ended} onClick={() => setParameters({ status: '' })}>
            In force
          </button>
          <button type="button" aria-pressed={ended} onClick={() => setParameters({ status: 'ended' })}>
            Ended
          </button>
        </div>
        {mayDecide.value && (
          <a class="button button-primary button-small" href="/settings/rules/new">
            {isAdmin.value ? 'New rule' : 'Propose a rule'}
          </a>
        )}
      </header>
      {ended ? <Ended /> : <Present />}
    </>
  );
}

const page = 100;

// all reads every rule that has not ended: to put them in order, all must be known. There are 500 at most.
async function all(signal: AbortSignal): Promise<Rule[]> {
  const rules: Rule[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const part: Data<'listRules'> = await get<Data<'listRules'>>(`/rules?limit=${page}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`, signal);
    rules.push(...part.items);
    cursor = part.pagination.nextCursor;
  }
  return rules;
}

function Present() {
  const { data, error, reload } = useResource('rules', all, ['rule.', 'drift.suppressed', 'drift.surfaced']);
  const busy = useSignal(false);
  const rules = data.value;
  const run = async (work: () => Promise<unknown>, done?: string) => {
    busy.value = true;
    try {
      await work();
      if (done !== undefined) {
        toast(done);
      }
    } catch (e) {
      toast(messageOf(e), true);
    }
    busy.value = false;
    reload();
  };
  const proposed = rules?.filter((r) => r.status === 'proposed') ?? [];
  const active = rules?.filter((r) => r.status === 'active') ?? [];
  // move swaps a rule with the one in force before or after it; proposals keep their places.
  const move = (rule: Rule, by: 1 | -1) => {
    const other = active[active.indexOf(rule) + by];
    if (rules === undefined || other === undefined) {
      return;
    }
    const swapped = rules.map((r) => (r === rule ? other : r === other ? rule : r));
    data.value = swapped;
    void run(() => post('/rules/reorder', { ids: swapped.map((r) => r.id) }));
  };
  return (
    <>
      {error.value !== undefined && <ErrorBox error={error.value} retry={reload} />}
      {rules === undefined && error.value === undefined && <Skeleton rows={4} />}
      {rules?.length === 0 && (
        <Empty icon="eye" title="No rule yet">
          <p class="muted">
            Some drift is not worth a look: a time that the provider writes, a number that an autoscaler sets. A rule says so once, with a reason and an end; what
            it hides is counted, and comes back when the rule ends.
          </p>
          {mayDecide.value ? (
            <a class="button button-primary" href="/settings/rules/new">
              {isAdmin.value ? 'Make the first rule' : 'Propose the first rule'}
            </a>
          ) : (
            <p class="muted">Engineers propose rules, and admins make them.</p>
          )}
        </Empty>
      )}
      {proposed.length > 0 && (
        <section class="card" aria-labelledby="proposals">
          <header class="card-head">
            <h2 id="proposals">Proposed</h2>
            <span class="muted">They have no effect until an admin accepts them.</span>
          </header>
          <ul class="proposals">
            {proposed.map((r) => (
              <li key={r.id}>
                <div class="proposal">
                  <RuleLink rule={r} />
                  <p class="muted">
                    by <bdi>{r.createdBy}</bdi> <Time at={r.createdAt} suffix />
                  </p>
                </div>
                {isAdmin.value && (
                  <span class="proposal-actions">
                    <Button small kind="primary" disabled={busy.value} label={`Accept: ${nameOf(r)}`} onClick={() => void run(() => post(`/rules/${r.id}/accept`), 'In force.')}>
                      Accept
                    </Button>
                    <Button small disabled={busy.value} label={`Decline: ${nameOf(r)}`} onClick={() => void run(() => del(`/rules/${r.id}`), 'Declined.')}>
                      Decline
                    </Button>
                  </span>
                )}
              </li>
            ))}
          </ul>
        </section>
      )}
      {active.length > 0 && (
        <Table label="Rules in force" head={['Order', 'Rule', 'Hides', 'Ends']}>
          {active.map((r, i) => (
            <tr key={r.id}>
              <td class="rule-order">
                <span class="number">{i + 1}</span>
                {isAdmin.value && active.length > 1 && (
                  <>
                    <Button small kind="quiet" icon="up" disabled={busy.value || i === 0} label={`Ask earlier: ${nameOf(r)}`} onClick={() => move(r, -1)} />
                    <Button small kind="quiet" icon="chevron" disabled={busy.value || i === active.length - 1} label={`Ask later: ${nameOf(r)}`} onClick={() => move(r, 1)} />
                  </>
                )}
              </td>
              <th scope="row">
                <RuleLink rule={r} />
              </th>
              <td class="number">{r.effect !== 'ignore' ? <span class="muted">–</span> : r.suppressedDrifts}</td>
              <td>
                <Ends at={r.expiresAt} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      {active.length > 0 && (
        <p class="muted">
          The first rule that matches sets the severity, or the owner. <a href="/inbox?view=ignored">See what rules hide</a>.
        </p>
      )}
    </>
  );
}

function RuleLink({ rule }: { rule: Rule }) {
  return (
    <>
      <a class="rule-link" href={`/settings/rules/${rule.id}`}>
        <strong dir="auto">{effectOf(rule)}</strong> <MatchWords match={rule.match} />
      </a>
      <p class="muted rule-reason" dir="auto">
        {rule.reason}
      </p>
    </>
  );
}

function Ended() {
  const list = usePages<Rule>('/rules', { status: 'ended' }, ['rule.']);
  return (
    <>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined && list.error.value === undefined && <Skeleton rows={4} />}
      {list.items?.length === 0 && <Empty icon="eye" title="No rule has ended" />}
      {list.items !== undefined && list.items.length > 0 && (
        <Table label="Rules that have ended" head={['Rule', 'How', 'When']}>
          {list.items.map((r) => (
            <tr key={r.id}>
              <th scope="row">
                <RuleLink rule={r} />
              </th>
              <td>
                <StatusPill status={r.endedHow ?? 'ended'} />
                {r.endedBy !== null && (
                  <p class="muted">
                    by <bdi>{r.endedBy}</bdi>
                  </p>
                )}
              </td>
              <td>{r.endedAt !== null && <Time at={r.endedAt} suffix />}</td>
            </tr>
          ))}
        </Table>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
    </>
  );
}
