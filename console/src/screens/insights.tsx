// How soon drifts are dealt with, and where they come from.
import { get, query } from '../api/client';
import type { Data, Schemas } from '../api/types';
import { parameters, setParameters } from '../router';
import { SeverityBadge } from '../ui/badge';
import { Select } from '../ui/field';
import { useResource } from '../ui/resource';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { Table } from '../ui/table';
import { Tile } from './workspaces';
import { workspaces } from './workspaces-state';

type Insights = Data<'getInsights'>;
type Numbers = Schemas['InsightNumbers'];
interface Loaded {
  insights: Insights;
  groups: Data<'listInsightGroups'>;
}

const kinds: [string, string][] = [
  ['type', 'By resource type'],
  ['workspace', 'By workspace'],
  ['owner', 'By owner'],
  ['rule', 'By rule'],
];
const orders: [string, string][] = [
  ['noise', 'Most detected'],
  ['unsettled', 'Most waiting'],
  ['overdue', 'Most overdue'],
];
const windows: [string, string][] = [
  ['30', '30 days'],
  ['7', '7 days'],
  ['90', '90 days'],
];

function one(name: string, values: [string, string][]): string {
  const value = parameters.value.get(name) ?? '';
  return values.some(([v]) => v === value) ? value : values[0]![0];
}

/** lasted is a number of seconds in one unit. */
function lasted(seconds: number | null): string {
  if (seconds === null) {
    return '–';
  }
  const units: [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ];
  for (const [size, unit] of units) {
    if (seconds >= size) {
      const n = seconds / size;
      return `${n < 10 ? Math.round(n * 10) / 10 : Math.round(n)} ${unit}`;
    }
  }
  return 'a minute';
}

export function Insights() {
  const days = one('days', windows);
  const by = one('by', kinds);
  const sortBy = one('sort', orders);
  const workspace = parameters.value.get('workspace') ?? '';
  const about = { days, workspace };
  const { data, error, reload } = useResource<Loaded>(
    `insights ${days} ${by} ${sortBy} ${workspace}`,
    async (signal) => {
      const [insights, groups] = await Promise.all([
        get<Insights>(`/metrics/insights${query(about)}`, signal),
        get<Data<'listInsightGroups'>>(`/metrics/insights/groups${query({ ...about, by, sortBy, limit: 10 })}`, signal),
      ]);
      return { insights, groups };
    },
    ['drift.'],
  );
  const names = workspaces.value.map((w) => w.name);
  return (
    <section class="page">
      <header class="page-head">
        <h1>Insights</h1>
        <div class="filters">
          <Select hidden label="Time" value={days} options={windows} onChange={(v) => setParameters({ days: v === windows[0]![0] ? '' : v })} />
          <Select
            hidden
            label="Workspace"
            value={workspace}
            onChange={(v) => setParameters({ workspace: v })}
            options={[['', 'Any workspace'], ...(workspace === '' || names.includes(workspace) ? names : [workspace, ...names]).map((n): [string, string] => [n, n])]}
          />
        </div>
      </header>
      {error.value !== undefined && <ErrorBox error={error.value} retry={reload} />}
      {data.value === undefined && error.value === undefined && <Skeleton rows={6} />}
      {data.value !== undefined && <Shown {...data.value} by={by} sortBy={sortBy} />}
    </section>
  );
}

function Shown({ insights, groups, by, sortBy }: Loaded & { by: string; sortBy: string }) {
  const { total, bySeverity, targets } = insights;
  return (
    <>
      <div class="tiles">
        <Tile label="Waiting" value={total.open.unsettled.toLocaleString('en')} href="/inbox">
          {total.open.approved.toLocaleString('en')} approved, {total.open.suppressed.toLocaleString('en')} suppressed
        </Tile>
        <Tile label="The oldest waits" value={lasted(total.age.max)}>
          half of them at least {lasted(total.age.median)}
        </Tile>
        <Tile label="Decided after" value={lasted(total.decision.median)}>
          {total.decision.count === 0 ? 'no decision yet' : `nine of ten within ${lasted(total.decision.p90)}`}
        </Tile>
        <Tile label="Resolved after" value={lasted(total.resolution.median)}>
          {total.resolution.count === 0 ? 'nothing resolved yet' : `nine of ten within ${lasted(total.resolution.p90)}`}
        </Tile>
        <Tile label="In time" value={total.sla.met === null ? '–' : `${total.sla.met} %`}>
          {total.sla.overdue === 0 ? 'nothing is overdue' : `${total.sla.overdue} overdue`}
        </Tile>
        <Tile label="Detected" value={total.detected.total.toLocaleString('en')}>
          {total.detected.returned} came back, {total.detected.reopened} again
        </Tile>
      </div>
      <section class="card" aria-labelledby="ages">
        <header class="card-head">
          <h2 id="ages">How long they wait</h2>
        </header>
        <Ages buckets={total.age.buckets} />
      </section>
      <section class="card" aria-labelledby="severities">
        <header class="card-head">
          <h2 id="severities">By severity</h2>
        </header>
        <Table label="Numbers by severity" head={['Severity', 'Waiting', 'Overdue', 'Target', 'In time', 'Decided after', 'Resolved after']}>
          {bySeverity.map(({ severity, numbers }) => (
            <tr key={severity}>
              <th scope="row">
                <SeverityBadge severity={severity} />
              </th>
              <Cells numbers={numbers} target={targets[severity]} />
            </tr>
          ))}
        </Table>
      </section>
      <section class="card" aria-labelledby="groups">
        <header class="card-head">
          <h2 id="groups">Where they come from</h2>
          <span class="filters">
            <Select hidden label="Grouped" value={by} options={kinds} onChange={(v) => setParameters({ by: v === 'type' ? '' : v })} />
            <Select hidden label="Order" value={sortBy} options={orders} onChange={(v) => setParameters({ sort: v === 'noise' ? '' : v })} />
          </span>
        </header>
        {groups.items.length === 0 ? (
          <Empty icon="check" title="Nothing in this time" />
        ) : (
          <Table label="Groups of drifts" head={['What', 'Detected', 'Waiting', 'Overdue', 'Decided after']}>
            {groups.items.map(({ key, reason, numbers }) => (
              <tr key={key ?? ''}>
                <th scope="row">
                  {key === null ? <span class="muted">nobody</span> : <Key by={by} name={key} />}
                  {reason !== null && (
                    <p class="muted" dir="auto">
                      {reason}
                    </p>
                  )}
                </th>
                <td class="number">{numbers.detected.total}</td>
                <td class="number">{numbers.open.unsettled}</td>
                <td class="number">{numbers.sla.overdue}</td>
                <td class="number">{lasted(numbers.decision.median)}</td>
              </tr>
            ))}
          </Table>
        )}
      </section>
    </>
  );
}

function Key({ by, name }: { by: string; name: string }) {
  const to = { type: `/inbox?type=${encodeURIComponent(name)}`, workspace: `/workspaces/${encodeURIComponent(name)}`, owner: `/inbox?owner=${encodeURIComponent(name)}` }[by];
  const text = <bdi class="mono">{name}</bdi>;
  return to === undefined ? text : <a href={to}>{text}</a>;
}

function Cells({ numbers, target }: { numbers: Numbers; target: number | null }) {
  return (
    <>
      <td class="number">{numbers.open.unsettled}</td>
      <td class="number">{numbers.sla.overdue}</td>
      <td class="number">{target === null ? <span class="muted">none</span> : lasted(target)}</td>
      <td class="number">{numbers.sla.met === null ? '–' : `${numbers.sla.met} %`}</td>
      <td class="number">{lasted(numbers.decision.median)}</td>
      <td class="number">{lasted(numbers.resolution.median)}</td>
    </>
  );
}

/** Ages are bars with their numbers, which say the same to those who do not see them. */
function Ages({ buckets }: { buckets: Numbers['age']['buckets'] }) {
  const most = Math.max(1, ...buckets.map((b) => b.count));
  const word = (i: number) => {
    const days = buckets[i]?.belowDays ?? null;
    return days === null ? `${buckets[i - 1]?.belowDays} days or more` : days === 1 ? 'less than a day' : `less than ${days} days`;
  };
  return (
    <ul class="ages">
      {buckets.map((b, i) => (
        <li key={i}>
          <span>{word(i)}</span>
          <span class="ages-track" aria-hidden="true">
            <span class="ages-bar" style={{ width: `${(b.count / most) * 100}%` }} />
          </span>
          <span class="number">{b.count.toLocaleString('en')}</span>
        </li>
      ))}
    </ul>
  );
}
