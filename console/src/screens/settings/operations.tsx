import { get } from '../../api/client';
import type { Data } from '../../api/types';
import { TraceLink } from '../../trace/link';
import { useResource } from '../../ui/resource';
import { Empty, ErrorBox, Skeleton } from '../../ui/state';
import { Table } from '../../ui/table';
import { Time } from '../../ui/time';

export function Operations() {
  const { data, error, reload } = useResource('operations', (signal) => get<Data<'listErrors'>>('/ops/errors', signal));
  const ops = data.value;
  return (
    <>
      <header class="page-head">
        <h1>Operations</h1>
        {ops !== undefined && (
          <span class="muted">
            Replica <bdi class="mono">{ops.replica}</bdi>, since <Time at={ops.since} suffix />
          </span>
        )}
      </header>
      {error.value !== undefined && <ErrorBox error={error.value} retry={reload} />}
      {ops === undefined && error.value === undefined && <Skeleton rows={4} />}
      {ops?.recent.length === 0 && <Empty icon="check" title="No request of your account has failed here" />}
      {ops !== undefined && ops.recent.length > 0 && (
        <Table label="Requests that failed" head={['When', 'Status', 'Request', 'Message', 'Trace']}>
          {ops.recent.map((e, i) => (
            <tr key={i}>
              <td>
                <Time at={e.timestamp} suffix />
              </td>
              <td>
                {e.status} <span class="muted">{e.code}</span>
              </td>
              <th scope="row">
                <code>
                  {e.method} {e.route}
                </code>
              </th>
              <td dir="auto">{e.message}</td>
              <td>
                <TraceLink id={e.traceId} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}
