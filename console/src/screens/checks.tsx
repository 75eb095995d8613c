import { get } from '../api/client';
import type { Check, Workspace } from '../api/types';
import { parameters, setParameters } from '../router';
import { TraceLink } from '../trace/link';
import { StatusPill } from '../ui/badge';
import { Select } from '../ui/field';
import { Icon } from '../ui/icon';
import { safeURL } from '../ui/link';
import { usePages } from '../ui/pages';
import { useResource } from '../ui/resource';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { More, Table } from '../ui/table';
import { Time, exactTime } from '../ui/time';
import { workspaces } from './workspaces-state';

export function Checks() {
  const value = (name: string) => parameters.value.get(name) ?? '';
  const list = usePages<Check>('/checks', { workspace: value('workspace'), status: value('status'), purpose: value('purpose') }, ['check.']);
  return (
    <section class="page">
      <header class="page-head">
        <h1>Checks</h1>
        <div class="filters">
          <Select
            hidden
            label="Result"
            value={value('status')}
            onChange={(v) => setParameters({ status: v })}
            options={[
              ['', 'Any result'],
              ['ok', 'No drift'],
              ['drifted', 'Drifted'],
              ['failed', 'Failed'],
            ]}
          />
          <Select
            hidden
            label="Workspace"
            value={value('workspace')}
            onChange={(v) => setParameters({ workspace: v })}
            options={[['', 'Any workspace'], ...names(workspaces.value, value('workspace'))]}
          />
          <Select
            hidden
            label="Purpose"
            value={value('purpose')}
            onChange={(v) => setParameters({ purpose: v })}
            options={[
              ['', 'Records and previews'],
              ['record', 'Records'],
              ['preview', 'Previews'],
            ]}
          />
        </div>
      </header>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined && list.error.value === undefined && <Skeleton />}
      {list.items?.length === 0 && <Empty icon="clock" title="No check fits" />}
      {list.items !== undefined && list.items.length > 0 && <ChecksTable checks={list.items} />}
      {list.more && <More onClick={list.more} busy={list.reading} />}
    </section>
  );
}

function names(list: Workspace[], current: string): [string, string][] {
  const all = list.map((w) => w.name);
  return (current === '' || all.includes(current) ? all : [current, ...all]).map((name) => [name, name]);
}

export function ChecksTable({ checks, of = false }: { checks: Check[]; of?: boolean }) {
  return (
    <Table label={of ? 'Its last checks' : 'All checks'} head={of ? ['When', 'Result', 'Drifts', 'Ref', 'Sent by'] : ['When', 'Workspace', 'Result', 'Drifts', 'Ref', 'Sent by']}>
      {checks.map((c) => (
        <tr key={c.id}>
          <th scope="row">
            <a href={`/checks/${c.id}`}>
              <Time at={c.createdAt} suffix />
            </a>
          </th>
          {!of && (
            <td>
              <a href={`/workspaces/${encodeURIComponent(c.workspace)}`}>
                <bdi>{c.workspace}</bdi>
              </a>
            </td>
          )}
          <td>
            <StatusPill status={c.status} />
            {c.purpose === 'preview' && <span class="pill">preview</span>}
            {c.stale && <span class="pill">old plan</span>}
            {c.rootMismatch === true && <span class="pill pill-failed">other root</span>}
          </td>
          <td>
            <Counts check={c} />
          </td>
          <td>{c.ref === null || c.ref === undefined ? <span class="muted">–</span> : <bdi class="mono">{c.ref}</bdi>}</td>
          <td>
            <bdi>{c.sentBy}</bdi>
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Counts({ check }: { check: Check }) {
  const { counts } = check;
  const parts: [number, string][] = [
    [counts.new, 'new'],
    [counts.changed, 'changed'],
    [counts.resolved, 'resolved'],
    [counts.unchanged, 'unchanged'],
  ];
  const shown = parts.filter(([n]) => n > 0);
  return <span class="counts">{shown.length === 0 ? <span class="muted">none</span> : shown.map(([n, word]) => `${n} ${word}`).join(', ')}</span>;
}

const refreshed = {
  proven: 'The plan compared the state with reality.',
  stated: 'The sender says that the plan compared the state with reality.',
  unknown: 'The plan may not have looked at reality (-refresh=false).',
  no: 'The plan did not look at reality.',
};
const coverage = { full: 'It covers the whole root.', partial: 'It covers a part of the root.', unknown: 'How much of the root it covers is not known.' };

export function Evidence({ check }: { check: Check }) {
  const e = check.evidence;
  if (e === null || e === undefined) {
    return <p class="muted card-body">An earlier version made this check, and kept no evidence.</p>;
  }
  const good = (e.refreshed === 'proven' || e.refreshed === 'stated') && e.coverage === 'full';
  return (
    <div class="card-body">
      <ul class="evidence">
        <li class={e.refreshed === 'proven' || e.refreshed === 'stated' ? 'yes' : 'no'}>
          <Icon name={e.refreshed === 'proven' || e.refreshed === 'stated' ? 'check' : 'cross'} /> {refreshed[e.refreshed]}
        </li>
        <li class={e.coverage === 'full' ? 'yes' : 'no'}>
          <Icon name={e.coverage === 'full' ? 'check' : 'cross'} /> {coverage[e.coverage]}
        </li>
      </ul>
      <p class="muted">
        {good ? 'So drifts that it does not show are resolved.' : 'So it resolves nothing that it does not show.'}
        {e.unproven > 0 && ` ${e.unproven} open drifts could not be judged.`}
      </p>
      {e.reasons.length > 0 && (
        <ul class="reasons">
          {e.reasons.map((reason) => (
            <li key={reason} dir="auto">
              {reason}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

export function CheckScreen({ id }: { id: string }) {
  const { data, error, reload } = useResource<Check>(`check ${id}`, (signal) => get<Check>(`/checks/${id}`, signal));
  const c = data.value;
  if (c === undefined) {
    return error.value === undefined ? <Skeleton /> : <ErrorBox error={error.value} retry={reload} />;
  }
  const run = c.runUrl === null || c.runUrl === undefined ? undefined : safeURL(c.runUrl);
  const facts: [string, preact.ComponentChildren][] = [
    ['Sent by', <bdi key="s">{c.sentBy}</bdi>],
    ['Terraform', c.terraformVersion],
    ['Plan made', c.planTimestamp === null ? null : exactTime(c.planTimestamp)],
    ['Ref', c.ref && <bdi class="mono">{c.ref}</bdi>],
    ['Commit', c.commit && <bdi class="mono">{c.commit}</bdi>],
    ['Started by', c.triggeredBy && <bdi>{c.triggeredBy}</bdi>],
    [
      'Run',
      run && (
        <a href={run} target="_blank" rel="noopener noreferrer">
          In CI <Icon name="out" />
        </a>
      ),
    ],
    ['Trace', c.traceId && <TraceLink id={c.traceId} />],
  ];
  return (
    <section class="page">
      <header class="page-head">
        <a class="back" href="/checks">
          <Icon name="left" /> Checks
        </a>
        <h1>
          Check of <a href={`/workspaces/${encodeURIComponent(c.workspace)}`}><bdi>{c.workspace}</bdi></a>
        </h1>
        <StatusPill status={c.status} />
        {c.purpose === 'preview' && <span class="pill">preview: nothing was recorded</span>}
        <span class="muted">
          <Time at={c.createdAt} suffix />
        </span>
      </header>
      {c.failureReason != null && (
        <section class="verdict verdict-rejected" aria-label="Why it failed">
          <p>
            <Icon name="cross" /> <strong>It failed.</strong>
          </p>
          <p class="reason" dir="auto">
            {c.failureReason}
          </p>
        </section>
      )}
      {c.rootMismatch === true && (
        <p class="notice">
          The plan is of another root than the earlier ones of this workspace, so it changed nothing. If that is right, allow it in the workspace's settings.
        </p>
      )}
      {c.stale && <p class="notice">The plan is older than one that came before, so it changed nothing.</p>}
      <div class="columns">
        <div class="column-main">
          <section class="card" aria-labelledby="counts">
            <header class="card-head">
              <h2 id="counts">What it found</h2>
              <a href={`/inbox?view=all&workspace=${encodeURIComponent(c.workspace)}`}>Drifts of the workspace</a>
            </header>
            <div class="tiles tiles-inner">
              {(['new', 'changed', 'unchanged', 'resolved'] as const).map((k) => (
                <div class="tile" key={k}>
                  <p class="tile-label">{k}</p>
                  <p class="tile-value">{c.counts[k]}</p>
                </div>
              ))}
            </div>
          </section>
          <section class="card" aria-labelledby="proof">
            <header class="card-head">
              <h2 id="proof">What it proves</h2>
            </header>
            <Evidence check={c} />
          </section>
          {c.leftOut != null && c.leftOut.count > 0 && (
            <section class="card" aria-labelledby="left-out">
              <header class="card-head">
                <h2 id="left-out">{c.leftOut.count} entries could not be read</h2>
              </header>
              <ul class="reasons card-body">
                {c.leftOut.entries.map((entry, i) => (
                  <li key={i} dir="auto">
                    {Object.values(entry).join(': ')}
                  </li>
                ))}
              </ul>
            </section>
          )}
        </div>
        <aside class="facts card" aria-label="Facts">
          <dl>
            {facts
              .filter(([, v]) => v !== null && v !== undefined && v !== '')
              .map(([name, v]) => (
                <div class="fact" key={name}>
                  <dt>{name}</dt>
                  <dd>{v}</dd>
                </div>
              ))}
          </dl>
        </aside>
      </div>
    </section>
  );
}
