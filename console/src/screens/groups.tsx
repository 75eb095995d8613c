// The inbox by what changed: drifts of one type that differ alike are one row, and one decision.
import { useSignal, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { get, query } from '../api/client';
import type { Data, Schemas } from '../api/types';
import { GroupDialog, words, type Action } from '../drift/decide';
import { mayDecide } from '../session/me';
import { SeverityBadge } from '../ui/badge';
import { Button } from '../ui/button';
import { useResource } from '../ui/resource';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { toast } from '../ui/toast';
import { statuses, suppressed, type Filter } from './inbox-state';

type Group = Schemas['DriftGroup'];

const most = 500; // drifts that one request decides about

export function Groups({ filter, count }: { filter: Filter; count: Signal<number | undefined> }) {
  const wanted = { status: statuses[filter.view].join(), severity: filter.severity, workspace: filter.workspace, resourceType: filter.type, search: filter.search.trim(), owner: filter.owner, suppressed: suppressed(filter.view) };
  const address = `/drifts/groups${query({ ...wanted, limit: 100 })}`;
  const { data, error, reload } = useResource(address, (signal) => get<Data<'listDriftGroups'>>(address, signal), ['drift.']);
  const dialog = useSignal<{ action: Action; group: Group } | undefined>(undefined);
  const list = data.value;
  useEffect(() => {
    count.value = list?.drifts;
  }, [list]);
  const actions: Action[] = !mayDecide.value ? [] : filter.view === 'undecided' ? ['approve', 'reject'] : filter.view === 'decided' ? ['reopen'] : [];
  return (
    <div class="groups">
      {error.value !== undefined && <ErrorBox error={error.value} retry={reload} />}
      {list === undefined && error.value === undefined && <Skeleton rows={6} />}
      {list?.items.length === 0 && <Empty icon="check" title="No group fits" />}
      {list !== undefined && list.items.length > 0 && (
        <ul aria-label="Groups">
          {list.items.map((group) => (
            <li key={group.id} class="group">
              <a class="group-link" href={`/inbox?${members(filter, group)}`}>
                <strong>{group.count.toLocaleString('en')} ×</strong> <bdi class="mono">{group.resourceType}</bdi>
              </a>
              <span class="group-paths">
                {group.paths.slice(0, 3).map((p) => (
                  <code key={p.path} dir="ltr">
                    {p.path}
                  </code>
                ))}
                {group.pathCount > 3 && <span class="summary-more">+{group.pathCount - 3}</span>}
              </span>
              <span class="group-facts">
                {(['critical', 'warning', 'info'] as const)
                  .filter((s) => group.bySeverity[s] > 0)
                  .map((s) => (
                    <span key={s} class="group-severity">
                      {group.bySeverity[s]} <SeverityBadge severity={s} />
                    </span>
                  ))}
                <span class="muted">{group.workspaces === 1 ? 'one workspace' : `${group.workspaces} workspaces`}</span>
              </span>
              <span class="group-actions">
                {group.count <= most &&
                  actions.map((action) => (
                    <Button
                      key={action}
                      small
                      kind={action === 'reject' ? 'danger' : 'plain'}
                      label={`${words[action].verb} all ${group.count} of ${group.resourceType}, ${group.paths.map((p) => p.path).join(', ')}`}
                      onClick={() => (dialog.value = { action, group })}
                    >
                      {words[action].verb}
                    </Button>
                  ))}
              </span>
            </li>
          ))}
        </ul>
      )}
      {list !== undefined && list.total > list.items.length && <p class="muted more">The {list.items.length} largest of {list.total} groups. Filters show others.</p>}
      {dialog.value !== undefined && (
        <GroupDialog
          action={dialog.value.action}
          group={{ type: dialog.value.group.resourceType, count: dialog.value.group.count, filter: bulkFilter(filter, dialog.value.group) }}
          onClose={() => (dialog.value = undefined)}
          onDone={(decided) => {
            toast(`${words[dialog.value!.action].done} ${decided === 1 ? 'one drift' : `${decided} drifts`}.`);
            dialog.value = undefined;
            reload();
          }}
        />
      )}
    </div>
  );
}

// members is the query of a list of a group's drifts.
function members(filter: Filter, group: Group): string {
  const { view, severity, workspace, type, search, owner } = filter;
  return query({ view: view === 'undecided' ? '' : view, severity, workspace, type, search, owner, group: group.id }).slice(1);
}

// bulkFilter fits what the group has counted.
function bulkFilter({ view, severity, workspace, type, search, owner }: Filter, group: Group): Schemas['DriftFilter'] {
  const list = <T extends string>(text: string) => (text === '' ? undefined : (text.split(',') as T[]));
  const all: { [K in keyof Schemas['DriftFilter']]: Schemas['DriftFilter'][K] | undefined } = {
    group: [group.id],
    status: statuses[view].length === 0 ? undefined : statuses[view],
    severity: list<Schemas['Severity']>(severity),
    workspace: list(workspace),
    resourceType: list(type),
    owner: list(owner),
    suppressed: suppressed(view),
    search: search.trim() === '' ? undefined : search.trim(),
  };
  return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined));
}
