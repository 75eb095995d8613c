import { del } from '../../api/client';
import { messageOf } from '../../api/error';
import type { OpenSession } from '../../api/types';
import { Button } from '../../ui/button';
import { usePages } from '../../ui/pages';
import { ErrorBox, Skeleton } from '../../ui/state';
import { More, Table } from '../../ui/table';
import { Time } from '../../ui/time';
import { toast } from '../../ui/toast';

export function Sessions() {
  const list = usePages<OpenSession>('/auth/sessions', {});
  const end = (path: string) => del(path).then(list.reload, (e: unknown) => toast(messageOf(e), true));
  const others = list.items?.some((s) => !s.current) === true;
  return (
    <>
      <header class="page-head">
        <h1>Sessions</h1>
        {others && (
          <Button small kind="danger" onClick={() => void end('/auth/sessions')}>
            End all others
          </Button>
        )}
      </header>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined ? (
        list.error.value === undefined && <Skeleton rows={3} />
      ) : (
        <Table label="Sessions" head={['Where', 'Signed in', 'Last used', '']}>
          {list.items.map((s) => (
            <tr key={s.id}>
              <th scope="row" title={s.userAgent}>
                <bdi>{agent(s.userAgent)}</bdi> {s.current && <span class="pill pill-ok">this one</span>}
              </th>
              <td>
                <Time at={s.createdAt} suffix />
              </td>
              <td>{s.lastUsedAt === null ? <span class="muted">–</span> : <Time at={s.lastUsedAt} suffix />}</td>
              <td class="cell-action">
                {!s.current && (
                  <Button small label={`End the session of ${agent(s.userAgent)}`} icon="cross" kind="quiet" onClick={() => void end(`/auth/sessions/${s.id}`)} />
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
    </>
  );
}

// agent is the name in a browser's long text.
function agent(text: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\/[\d.]+/.exec(text)?.[1];
  const system = /Windows|Mac OS X|Android|iPhone|iPad|Linux/.exec(text)?.[0];
  return browser === undefined ? text || 'unknown' : `${browser === 'Edg' ? 'Edge' : browser === 'OPR' ? 'Opera' : browser}${system === undefined ? '' : ` on ${system}`}`;
}
