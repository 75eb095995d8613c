import { useSignal } from '@preact/signals';
import { get, patch } from '../api/client';
import type { Check, Data, WorkspaceDetail } from '../api/types';
import { mayDecide } from '../session/me';
import { parameters, setParameters } from '../router';
import { StatusPill } from '../ui/badge';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field } from '../ui/field';
import { Icon } from '../ui/icon';
import { useResource } from '../ui/resource';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { Table } from '../ui/table';
import { Time } from '../ui/time';
import { toast } from '../ui/toast';
import { FirstPlan } from './first-plan';
import { isAdmin } from '../session/me';
import { ChecksTable, Evidence } from './checks';

const order = { failed: 0, stale: 1, drifted: 2, ok: 3 };

export function Workspaces() {
  const archived = parameters.value.get('archived') === 'true';
  const { data, error, reload } = useResource(`workspaces ${archived}`, (signal) => get<Data<'listWorkspaces'>>(`/workspaces${archived ? '?archived=true' : ''}`, signal), [
    'check.',
    'drift.',
    'workspace.',
  ]);
  const list = data.value?.toSorted((a, b) => order[a.status] - order[b.status] || b.openDrifts - a.openDrifts || a.name.localeCompare(b.name));
  const count = (status: string) => list?.filter((w) => w.status === status).length ?? 0;
  return (
    <section class="page">
      <header class="page-head">
        <h1>Workspaces</h1>
        {list !== undefined && list.length > 0 && (
          <p class="tally">
            {(['failed', 'stale', 'drifted', 'ok'] as const)
              .filter((s) => count(s) > 0)
              .map((s) => (
                <span key={s}>
                  <strong>{count(s)}</strong> {s}
                </span>
              ))}
          </p>
        )}
        <label class="check-line">
          <input type="checkbox" checked={archived} onChange={(e) => setParameters({ archived: e.currentTarget.checked ? 'true' : '' })} /> Archived ones, too
        </label>
      </header>
      {error.value !== undefined && <ErrorBox error={error.value} retry={reload} />}
      {list === undefined && error.value === undefined && <Skeleton />}
      {list?.length === 0 && <FirstPlan admin={isAdmin.value} />}
      {list !== undefined && list.length > 0 && (
        <Table label="Workspaces" head={['Name', 'State', 'Open drifts', 'Last check', 'Owner']}>
          {list.map((w) => (
            <tr key={w.name}>
              <th scope="row">
                <a href={`/workspaces/${encodeURIComponent(w.name)}`}>
                  <bdi>{w.name}</bdi>
                </a>
                {w.archived && <span class="pill">archived</span>}
              </th>
              <td>
                <StatusPill status={w.status} />
              </td>
              <td class="number">{w.openDrifts > 0 ? <a href={`/inbox?view=all&workspace=${encodeURIComponent(w.name)}`}>{w.openDrifts}</a> : '0'}</td>
              <td>{w.lastCheckAt === null ? <span class="muted">never</span> : <Time at={w.lastCheckAt} suffix />}</td>
              <td>{w.owner === null ? <span class="muted">–</span> : <bdi>{w.owner}</bdi>}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

interface Loaded {
  workspace: WorkspaceDetail;
  checks: Check[];
}

export function WorkspaceScreen({ name }: { name: string }) {
  const encoded = encodeURIComponent(name);
  const { data, error, reload } = useResource<Loaded>(
    `workspace ${name}`,
    async (signal) => {
      const [workspace, checks] = await Promise.all([
        get<WorkspaceDetail>(`/workspaces/${encoded}`, signal),
        get<Data<'listChecks'>>(`/checks?limit=20&workspace=${encoded}`, signal),
      ]);
      return { workspace, checks: checks.items };
    },
    ['check.', 'drift.', 'workspace.'],
  );
  const editing = useSignal(false);
  if (data.value === undefined) {
    return error.value === undefined ? <Skeleton /> : <ErrorBox error={error.value} retry={reload} />;
  }
  const { workspace: w, checks } = data.value;
  return (
    <section class="page">
      <header class="page-head">
        <a class="back" href="/workspaces">
          <Icon name="left" /> Workspaces
        </a>
        <h1>
          <bdi>{w.name}</bdi>
        </h1>
        <StatusPill status={w.status} />
        {w.owner !== null && (
          <span class="muted">
            of <bdi>{w.owner}</bdi>
          </span>
        )}
        {mayDecide.value && (
          <Button small onClick={() => (editing.value = true)}>
            Settings
          </Button>
        )}
      </header>
      <div class="tiles">
        <Tile label="Open drifts" value={String(w.openDrifts)} href={`/inbox?view=all&workspace=${encoded}`}>
          {w.openBySeverity.critical} critical, {w.openBySeverity.warning} warning, {w.openBySeverity.info} info
        </Tile>
        <Tile label="Oldest open drift" value={w.oldestOpenAt === null ? 'none' : <Time at={w.oldestOpenAt} />} />
        <Tile label="Last check" value={w.lastCheckAt === null ? 'never' : <Time at={w.lastCheckAt} />} {...(w.lastCheck === null ? {} : { href: `/checks/${w.lastCheck.id}` })}>
          {w.lastCheck?.status}
        </Tile>
        <Tile label="Plans recorded" value={w.recordRef === null ? 'of every ref' : <bdi class="mono">{w.recordRef}</bdi>} />
      </div>
      <section class="card" aria-labelledby="trend">
        <header class="card-head">
          <h2 id="trend">Open drifts, 30 days</h2>
          {w.trend.some((d) => d.failed > 0) && <span class="muted trend-legend">a check failed that day</span>}
        </header>
        <Trend days={w.trend} />
      </section>
      {w.lastCheck?.evidence != null && (
        <section class="card" aria-labelledby="evidence">
          <header class="card-head">
            <h2 id="evidence">What the last check proves</h2>
          </header>
          <Evidence check={w.lastCheck} />
        </section>
      )}
      <section class="card" aria-labelledby="checks">
        <header class="card-head">
          <h2 id="checks">Checks</h2>
          <a href={`/checks?workspace=${encoded}`}>All of them</a>
        </header>
        {checks.length === 0 ? <Empty title="No check yet" /> : <ChecksTable checks={checks} of />}
      </section>
      {editing.value && (
        <Edit
          workspace={w}
          onClose={() => (editing.value = false)}
          onDone={() => {
            editing.value = false;
            reload();
          }}
        />
      )}
    </section>
  );
}

export function Tile({ label, value, href, children }: { label: string; value: preact.ComponentChildren; href?: string; children?: preact.ComponentChildren }) {
  return (
    <div class="tile">
      <p class="tile-label">{label}</p>
      <p class="tile-value">{href === undefined ? value : <a href={href}>{value}</a>}</p>
      {children !== undefined && <p class="muted">{children}</p>}
    </div>
  );
}

/** Trend is drawn with bars of the page itself; the numbers are in a table for those who do not see them. */
function Trend({ days }: { days: WorkspaceDetail['trend'] }) {
  const most = Math.max(1, ...days.map((d) => d.openDrifts));
  return (
    <div class="trend" role="img" aria-label={`From ${days[0]?.openDrifts} open drifts on ${days[0]?.date} to ${days.at(-1)?.openDrifts} today, ${most} at most`}>
      {days.map((d) => (
        <div key={d.date} class={d.failed > 0 ? 'trend-day trend-failed' : 'trend-day'} title={`${d.date}: ${d.openDrifts} open, ${d.checks} checks, ${d.failed} failed`}>
          <div class="trend-bar" style={{ height: `${(d.openDrifts / most) * 100}%` }} />
        </div>
      ))}
    </div>
  );
}

function Edit({ workspace, onClose, onDone }: { workspace: WorkspaceDetail; onClose: () => void; onDone: () => void }) {
  const owner = useSignal(workspace.owner ?? '');
  const ref = useSignal(workspace.recordRef ?? '');
  const archived = useSignal(workspace.archived);
  const accept = useSignal(workspace.acceptRoot);
  const error = useSignal<unknown>(undefined);
  const save = async () => {
    try {
      await patch(`/workspaces/${encodeURIComponent(workspace.name)}`, {
        owner: owner.value.trim() === '' ? null : owner.value.trim(),
        recordRef: ref.value.trim() === '' ? null : ref.value.trim(),
        archived: archived.value,
        ...(accept.value === workspace.acceptRoot ? {} : { acceptRoot: accept.value }),
      });
      toast('Saved.');
      onDone();
    } catch (e) {
      error.value = e;
    }
  };
  return (
    <Dialog title={`Settings of ${workspace.name}`} onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void save();
        }}
      >
        <Field label="Owner" value={owner.value} maxLength={200} hint="The team or the person whose workspace it is." onInput={(v) => (owner.value = v)} />
        <Field label="Record plans of this ref alone" value={ref.value} maxLength={256} hint="Such as main. Plans of other refs are previews. Empty: plans of every ref." onInput={(v) => (ref.value = v)} />
        <label class="check-line">
          <input type="checkbox" checked={archived.value} onChange={(e) => (archived.value = e.currentTarget.checked)} /> Out of use (archived)
        </label>
        <label class="check-line">
          <input type="checkbox" checked={accept.value} onChange={(e) => (accept.value = e.currentTarget.checked)} /> The next plan may be of another root
        </label>
        {error.value !== undefined && <ErrorBox error={error.value} />}
        <div class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary">
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
