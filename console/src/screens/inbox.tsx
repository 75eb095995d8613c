import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { Offline } from '../api/error';
import type { Drift } from '../api/types';
import { DecisionDialog, allowed, decide, refusal, words, type Action, type Outcome } from '../drift/decide';
import { navigate, parameters, setParameters } from '../router';
import { isAdmin, mayDecide } from '../session/me';
import { epoch, revived } from '../stream/live';
import { Button } from '../ui/button';
import { lazy } from '../ui/lazy';
import { useKeys } from '../ui/keys';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { toast } from '../ui/toast';
import { VirtualList } from '../ui/virtual';
import { FirstPlan } from './first-plan';
import { Bar } from './inbox-bar';
import { Row, focusRow } from './inbox-row';
import { Rows, filterOf, type Filter } from './inbox-state';
import { leaveInbox, returned } from './walk';
import { workspaces } from './workspaces-state';

/** Groups come when they are first wanted. */
const Groups = lazy(() => import('./rest').then((m) => m.Groups));

export function Inbox() {
  return parameters.value.get('by') === 'group' ? <Grouped /> : <Rowed />;
}

function Rowed() {
  const key = parameters.value.toString();
  const filter = useMemo(() => filterOf(parameters.value), [key]);
  const rows = useMemo(() => new Rows(filter, key), [key]);
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
  return <List rows={rows} filter={filter} />;
}

function Grouped() {
  const key = parameters.value.toString();
  const filter = useMemo(() => filterOf(parameters.value), [key]);
  const count = useSignal<number | undefined>(undefined);
  const search = useRef<HTMLInputElement>(null);
  useKeys({ g: () => setParameters({ by: '' }), '/': () => search.current?.focus() });
  return (
    <section class="inbox" aria-label="Inbox">
      <Bar filter={filter} count={count.value} search={search} grouped />
      <Groups filter={filter} count={count} />
    </section>
  );
}

function List({ rows, filter }: { rows: Rows; filter: Filter }) {
  const active = useSignal(-1);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const dialog = useSignal<{ action: Action; drifts: Drift[] } | undefined>(undefined);
  const search = useRef<HTMLInputElement>(null);
  const back = useRef(useMemo(returned, []));
  const current = (): Drift | undefined => rows.drifts.value[active.value];
  // Other filters make another list; the search keeps the focus meanwhile.
  useEffect(() => {
    active.value = -1;
    chosen.value = new Set();
  }, [rows]);

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
    return picked.length > 0 ? picked : [current()].filter((d) => d !== undefined);
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
  useEffect(() => () => leaveInbox(rows.drifts.value.map((d) => d.id), rows.query), [rows]);

  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    x: () => {
      const drift = current();
      if (drift !== undefined) {
        toggle(drift.id);
      }
    },
    a: () => ask('approve'),
    r: () => ask('reject'),
    t: () => ask('triage'),
    z: () => ask('reopen'),
    g: () => setParameters({ by: 'group', group: '' }),
    o: () => {
      const drift = current();
      if (drift !== undefined) {
        navigate(`/drifts/${drift.id}`);
      }
    },
    n: refresh,
    '/': () => search.current?.focus(),
    Escape: () => (chosen.value = new Set()),
  });

  const drifts = rows.drifts.value;
  const count = rows.total.value;
  return (
    <section class="inbox" aria-label="Inbox">
      <Bar filter={filter} count={count} search={search} grouped={false} />
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
              {filter.view !== 'undecided' && (
                <Button small hint="z" onClick={() => ask('reopen')}>
                  Reopen
                </Button>
              )}
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

function Nothing({ filter }: { filter: Filter }) {
  const filtered = filter.severity !== '' || filter.workspace !== '' || filter.type !== '' || filter.search !== '' || filter.owner !== '' || filter.group !== '';
  if (filtered) {
    return (
      <Empty icon="search" title="Nothing fits these filters">
        <Button onClick={() => setParameters({ severity: '', workspace: '', type: '', search: '', owner: '', group: '' })}>Remove the filters</Button>
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
