import { useSignal } from '@preact/signals';
import { download, query } from '../api/client';
import { messageOf } from '../api/error';
import type { AuditRow } from '../api/types';
import { parameters, setParameters } from '../router';
import { TraceLink } from '../trace/link';
import { Button } from '../ui/button';
import { Select } from '../ui/field';
import { usePages } from '../ui/pages';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { More, Table } from '../ui/table';
import { Time } from '../ui/time';
import { toast } from '../ui/toast';

const actions = [
  'drift.created',
  'drift.updated',
  'drift.triaged',
  'drift.approved',
  'drift.rejected',
  'drift.reopened',
  'drift.resolved',
  'drift.commented',
  'drift.assigned',
  'drift.suppressed',
  'drift.surfaced',
  'rule.created',
  'rule.updated',
  'rule.ended',
  'auth.login',
  'auth.failed',
  'user.created',
  'user.updated',
  'api_key.created',
  'api_key.revoked',
  'workspace.updated',
];

export function Audit() {
  const value = (name: string) => parameters.value.get(name) ?? '';
  const filters = { action: value('action'), actorId: value('actorId'), driftId: value('driftId') };
  const list = usePages<AuditRow>('/audit', filters);
  const busy = useSignal(false);
  const save = () => {
    busy.value = true;
    download(`/audit/export${query({ ...filters, format: 'csv' })}`, `audit-${new Date().toISOString().slice(0, 10)}.csv`)
      .catch((e: unknown) => toast(messageOf(e), true))
      .finally(() => (busy.value = false));
  };
  return (
    <section class="page">
      <header class="page-head">
        <h1>Audit</h1>
        <Select
          hidden
          label="Action"
          value={value('action')}
          onChange={(v) => setParameters({ action: v })}
          options={[['', 'Any action'], ...actions.map((a): [string, string] => [a, a])]}
        />
        <Button small busy={busy.value} label="Export these rows as CSV" onClick={save}>
          Export
        </Button>
        {(value('actorId') !== '' || value('driftId') !== '') && (
          <button type="button" class="chip" onClick={() => setParameters({ actorId: '', driftId: '' })}>
            Of one {value('actorId') !== '' ? 'actor' : 'drift'}: show all
          </button>
        )}
        {list.total !== undefined && <span class="count">{list.total.toLocaleString('en')} rows</span>}
      </header>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined && list.error.value === undefined && <Skeleton />}
      {list.items?.length === 0 && <Empty icon="search" title="No row fits" />}
      {list.items !== undefined && list.items.length > 0 && (
        <Table label="Audit rows" head={['What', 'Action', 'Who', 'When', 'Trace']}>
          {list.items.map((row) => (
            <tr key={row.id}>
              <th scope="row">
                {row.driftId === null ? <bdi>{row.subject}</bdi> : <a href={`/drifts/${row.driftId}`}><bdi>{row.subject}</bdi></a>}
                {row.message !== '' && (
                  <p class="muted" dir="auto">
                    {row.message}
                  </p>
                )}
              </th>
              <td>
                <code>{row.action}</code>
              </td>
              <td>
                {row.actorId === null ? (
                  <bdi>{row.actorEmail ?? row.actorRole}</bdi>
                ) : (
                  <a href={`/audit?actorId=${row.actorId}`}>
                    <bdi>{row.actorEmail ?? row.actorRole}</bdi>
                  </a>
                )}
              </td>
              <td>
                <Time at={row.timestamp} suffix />
              </td>
              <td>{row.traceId === null ? <span class="muted">–</span> : <TraceLink id={row.traceId} />}</td>
            </tr>
          ))}
        </Table>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
    </section>
  );
}
