import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { Offline } from '../api/error';
import type { Drift } from '../api/types';
import { DecisionDialog, allowed, decide, refusal, words, type Action, type Outcome } from '../drift/decide';
import { Summary } from '../drift/difference';
import { navigate, parameters, setParameters } from '../router';
import { isAdmin, mayDecide } from '../session/me';
import { epoch, revived } from '../stream/live';
import { SeverityBadge, StatusPill } from '../ui/badge';
import { Button } from '../ui/button';
import { Select } from '../ui/field';
import { Icon } from '../ui/icon';
import { useKeys } from '../ui/keys';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { Time } from '../ui/time';
import { toast } from '../ui/toast';
import { VirtualList } from '../ui/virtual';
import { FirstPlan } from './first-plan';
import { Rows, filterOf, type Filter, type View } from './inbox-state';
import { leaveInbox, returned } from './walk';
import { workspaces } from './workspaces-state';

const views: [View, string][] = [
  ['undecided', 'To decide'],
  ['decided', 'Decided'],
  ['resolved', 'Resolved'],
  ['all', 'All'],
];

export function Inbox() {
  const key = parameters.value.toString();
  const filter = useMemo(() => filterOf(parameters.value), [key]);
  const rows = useMemo(() => new Rows(filter), [key]);
  useEffect(() => () => rows.close(), [rows]);
  const seen = useRef(epoch.value);
  useEffect(() => {
    if (seen.current !== epoch.value) {
      seen.current = epoch.value;
      void rows.reload();
    }
  }, [epoch.value]);
  useEffect(() => {
    if (rows.error.value instanceof Offline) {
      void rows.reload();
    }
  }, [revived.value]);
  return <List key={key} rows={rows} filter={filter} />;
}

function List({ rows, filter }: { rows: Rows; filter: Filter }) {
  const active = useSignal(-1);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const dialog = useSignal<{ action: Action; drifts: Drift[] } | undefined>(undefined);
  const search = useRef<HTMLInputElement>(null);
  const back = useRef(useMemo(returned, []));
  const current = useComputed(() => rows.drifts.value[active.value]);

  const move = (by: number) => {
    const last = rows.drifts.value.length - 1;
    active.value = Math.max(0, Math.min(last, active.value + by));
    focusRow(rows.drifts.value[active.value]?.id);
  };
  const toggle = (id: string) => {
    const next = new Set(chosen.value);
    if (!next.delete(id)) {
      next.add(id);
    }
    chosen.value = next;
  };
  const targets = (): Drift[] => {
    const picked = rows.drifts.value.filter((d) => chosen.value.has(d.id));
    return picked.length > 0 ? picked : current.value === undefined ? [] : [current.value];
  };
  const ask = (action: Action) => {
    if (!mayDecide.value) {
      toast('Your role may look, and not decide. An admin can change it.', true);
      return;
    }
    const drifts = targets().filter((d) => allowed(action, d.status));
    if (drifts.length === 0) {
      return;
    }
    if (action === 'triage' && drifts.length === 1) {
      void triage(drifts[0]!);
      return;
    }
    dialog.value = { action, drifts };
  };
  const triage = async (drift: Drift) => {
    try {
      rows.put(await decide('triage', drift));
      toast(<Done action="triage" drift={drift} />);
    } catch (e) {
      toast(refusal(e), true);
    }
  };
  const done = (action: Action, outcomes: Outcome[]) => {
    dialog.value = undefined;
    outcomes.forEach((o) => o.result && rows.put(o.result));
    const failures = outcomes.filter((o) => o.error !== undefined);
    chosen.value = new Set(failures.map((o) => o.drift.id));
    const [first] = outcomes;
    if (failures.length > 0) {
      const text = outcomes.length === 1 ? refusal(failures[0]!.error) : `${failures.length} of ${outcomes.length} were not decided: ${refusal(failures[0]!.error)}`;
      toast(text, true);
      void rows.reload();
    } else if (first !== undefined) {
      toast(outcomes.length === 1 ? <Done action={action} drift={first.drift} /> : `${words[action].done} ${outcomes.length} drifts.`);
      next();
    }
  };
  // next goes to the next row that waits for a decision.
  const next = () => {
    const list = rows.drifts.value;
    const from = Math.max(active.value, 0);
    const ahead = list.findIndex((d, i) => i >= from && allowed('approve', d.status));
    active.value = ahead >= 0 ? ahead : from;
    focusRow(list[active.value]?.id);
  };
  const refresh = () => {
    active.value = -1;
    void rows.reload();
  };

  // Back from a drift, its row is where the reader goes on.
  useEffect(() => {
    const index = rows.drifts.value.findIndex((d) => d.id === back.current);
    if (index >= 0 && active.value < 0) {
      active.value = index;
      focusRow(back.current);
      back.current = '';
    }
  }, [rows.drifts.value.length > 0]);
  useEffect(() => () => leaveInbox(rows.drifts.value.map((d) => d.id)), [rows]);

  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    x: () => current.value && toggle(current.value.id),
    a: () => ask('approve'),
    r: () => ask('reject'),
    t: () => ask('triage'),
    o: () => current.value && navigate(`/drifts/${current.value.id}`),
    n: refresh,
    '/': () => search.current?.focus(),
    Escape: () => (chosen.value = new Set()),
  });

  const drifts = rows.drifts.value;
  const count = rows.total.value;
  return (
    <section class="inbox" aria-label="Inbox">
      <header class="bar">
        <h1 class="visually-hidden">Inbox</h1>
        <div class="segments" role="group" aria-label="Which drifts">
          {views.map(([view, text]) => (
            <button key={view} type="button" aria-pressed={filter.view === view} onClick={() => setParameters({ view: view === 'undecided' ? '' : view })}>
              {text}
            </button>
          ))}
        </div>
        <div class="filters">
          <label class="search">
            <Icon name="search" />
            <span class="visually-hidden">Search by address, type or changed path</span>
            <SearchInput value={filter.search} inputRef={search} />
            <kbd aria-hidden="true">/</kbd>
          </label>
          <Select
            hidden
            label="Severity"
            value={filter.severity}
            onChange={(v) => setParameters({ severity: v })}
            options={[
              ['', 'Any severity'],
              ['critical', 'Critical'],
              ['warning', 'Warning'],
              ['info', 'Info'],
            ]}
          />
          <Select
            hidden
            label="Workspace"
            value={filter.workspace}
            onChange={(v) => setParameters({ workspace: v })}
            options={[['', 'Any workspace'], ...withCurrent(workspaces.value.map((w) => w.name), filter.workspace).map((name): [string, string] => [name, name])]}
          />
          <Select
            hidden
            label="Order"
            value={filter.sort}
            onChange={(v) => setParameters({ sort: v === 'severity' ? '' : v })}
            options={[
              ['severity', 'Most severe'],
              ['newest', 'Newest'],
              ['oldest', 'Oldest'],
              ['cost', 'Highest cost'],
            ]}
          />
          {filter.type !== '' && (
            <button type="button" class="chip" onClick={() => setParameters({ type: '' })}>
              {filter.type} <Icon name="cross" />
              <span class="visually-hidden">: remove this filter</span>
            </button>
          )}
        </div>
        <span class="count" role="status">
          {count === undefined ? '' : count === 1 ? '1 drift' : `${count.toLocaleString('en')} drifts`}
        </span>
      </header>
      {rows.unseen.value.size > 0 && (
        <button type="button" class="news" onClick={refresh}>
          {rows.unseen.value.size} new <kbd aria-hidden="true">n</kbd>
        </button>
      )}
      {rows.error.value !== undefined && <ErrorBox error={rows.error.value} retry={() => void rows.reload()} />}
      {rows.loading.value && drifts.length === 0 && <Skeleton rows={10} />}
      {!rows.loading.value && rows.error.value === undefined && drifts.length === 0 && <Nothing filter={filter} />}
      {drifts.length > 0 && (
        <VirtualList
          count={drifts.length}
          label="Drifts"
          active={active.value}
          onRange={(last) => rows.more(last)}
          row={(i) => {
            const drift = drifts[i]!;
            return (
              <Row
                key={drift.id}
                drift={drift}
                index={i}
                total={count ?? drifts.length}
                active={i === active.value}
                focusable={i === Math.max(active.value, 0)}
                chosen={chosen.value.has(drift.id)}
                glowing={rows.glowing.value.has(drift.id)}
                onFocus={() => (active.value = i)}
                onToggle={() => toggle(drift.id)}
              />
            );
          }}
        />
      )}
      {chosen.value.size > 0 && (
        <div class="bulk" role="group" aria-label="Decide about what is selected">
          <span>{chosen.value.size} selected</span>
          {mayDecide.value && (
            <>
              <Button small kind="primary" hint="a" onClick={() => ask('approve')}>
                Approve
              </Button>
              <Button small kind="danger" hint="r" onClick={() => ask('reject')}>
                Reject
              </Button>
              <Button small hint="t" onClick={() => ask('triage')}>
                Triage
              </Button>
            </>
          )}
          <Button small kind="quiet" icon="cross" label="Clear the selection" onClick={() => (chosen.value = new Set())} />
        </div>
      )}
      {dialog.value !== undefined && (
        <DecisionDialog
          action={dialog.value.action}
          drifts={dialog.value.drifts}
          onClose={() => (dialog.value = undefined)}
          onDone={(outcomes) => done(dialog.value!.action, outcomes)}
        />
      )}
    </section>
  );
}

function Done({ action, drift }: { action: Action; drift: Pick<Drift, 'id' | 'resourceId'> }) {
  return (
    <>
      {words[action].done}{' '}
      <a href={`/drifts/${drift.id}`}>
        <code dir="auto">{drift.resourceId}</code>
      </a>
    </>
  );
}

function focusRow(id: string | undefined): void {
  if (id === undefined) {
    return;
  }
  // The row may come into the page with this change, and a dialog that closes gives the focus back first.
  requestAnimationFrame(() => {
    if (document.querySelector('dialog') !== null) {
      focusRow(id);
      return;
    }
    document.querySelector<HTMLElement>(`[data-row="${id}"] .row-link`)?.focus({ preventScroll: true });
  });
}

function withCurrent(names: string[], current: string): string[] {
  return current === '' || names.includes(current) ? names : [current, ...names];
}

/** The address follows what is typed after a moment, so that not every letter is a request. */
function SearchInput({ value, inputRef }: { value: string; inputRef: { current: HTMLInputElement | null } }) {
  const text = useSignal(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const later = (v: string, wait: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParameters({ search: v.trim().slice(0, 200) }), wait);
  };
  return (
    <input
      ref={inputRef}
      type="search"
      placeholder="Search"
      value={text.value}
      dir="auto"
      maxLength={200}
      onInput={(e) => {
        text.value = e.currentTarget.value;
        later(text.value, 250);
      }}
      onKeyDown={(e) => {
        if (e.key === 'Escape' || e.key === 'Enter') {
          later(text.value, 0);
          e.currentTarget.blur();
        }
      }}
    />
  );
}

interface RowProps {
  drift: Drift;
  index: number;
  total: number;
  active: boolean;
  focusable: boolean;
  chosen: boolean;
  glowing: boolean;
  onFocus: () => void;
  onToggle: () => void;
}

function Row({ drift, index, total, active, focusable, chosen, glowing, onFocus, onToggle }: RowProps) {
  const settled = drift.status !== 'detected' && drift.status !== 'triaged';
  const by = drift.status === 'approved' ? drift.approvedBy : drift.status === 'rejected' ? drift.rejectedBy : null;
  return (
    <li
      class={`row${active ? ' row-active' : ''}${chosen ? ' row-chosen' : ''}${glowing ? ' row-glow' : ''}${settled ? ' row-settled' : ''}`}
      data-row={drift.id}
      aria-posinset={index + 1}
      aria-setsize={total}
      onFocusIn={onFocus}
    >
      <label class="row-check">
        <input type="checkbox" checked={chosen} tabIndex={-1} aria-label={`Select ${drift.resourceId}`} onChange={onToggle} />
      </label>
      <SeverityBadge severity={drift.severity} />
      <a class="row-link" href={`/drifts/${drift.id}`} tabIndex={focusable ? 0 : -1}>
        <bdi class="address">{drift.resourceId}</bdi>
      </a>
      <Summary drift={drift} />
      <span class="row-state">{drift.status !== 'detected' && <StatusPill status={drift.status} />}</span>
      <bdi class="row-workspace" title={by === null ? drift.workspace : `${drift.workspace}, ${drift.status} by ${by}`}>
        {drift.workspace}
      </bdi>
      <span class="row-age">
        <Time at={drift.detectedAt} />
      </span>
    </li>
  );
}

function Nothing({ filter }: { filter: Filter }) {
  const filtered = filter.severity !== '' || filter.workspace !== '' || filter.type !== '' || filter.search !== '';
  if (filtered) {
    return (
      <Empty icon="search" title="Nothing fits these filters">
        <Button onClick={() => setParameters({ severity: '', workspace: '', type: '', search: '' })}>Remove the filters</Button>
      </Empty>
    );
  }
  if (workspaces.value.length === 0) {
    return <FirstPlan admin={isAdmin.value} />;
  }
  return filter.view === 'undecided' ? (
    <Empty icon="check" title="Nothing to decide">
      <p class="muted">
        New drift appears here by itself. <a href="/inbox?view=decided">See what was decided</a>, or <a href="/workspaces">when each workspace was last checked</a>.
      </p>
    </Empty>
  ) : (
    <Empty title="Nothing here yet" />
  );
}
