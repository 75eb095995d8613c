import { post } from '../api/client';
import { messageOf } from '../api/error';
import type { Alert } from '../api/types';
import { parameters, setParameters } from '../router';
import { SeverityBadge } from '../ui/badge';
import { Button } from '../ui/button';
import { Select } from '../ui/field';
import { usePages } from '../ui/pages';
import { Empty, ErrorBox, Skeleton } from '../ui/state';
import { More } from '../ui/table';
import { Time } from '../ui/time';
import { toast } from '../ui/toast';
import { refreshFrame, unreadAlerts } from './workspaces-state';

export function Alerts() {
  const value = (name: string) => parameters.value.get(name) ?? '';
  const all = value('read') === 'all';
  const driftId = value('driftId');
  const list = usePages<Alert>('/alerts', { isRead: all || driftId !== '' ? undefined : 'false', severity: value('severity'), driftId }, ['alert.', 'drift.']);
  const act = (path: string) => {
    post(path).then(
      () => {
        list.reload();
        void refreshFrame();
      },
      (e: unknown) => toast(messageOf(e), true),
    );
  };
  return (
    <section class="page">
      <header class="page-head">
        <h1>Alerts</h1>
        <div class="segments" role="group" aria-label="Which alerts">
          <button type="button" aria-pressed={!all} onClick={() => setParameters({ read: '' })}>
            Unread
          </button>
          <button type="button" aria-pressed={all} onClick={() => setParameters({ read: 'all' })}>
            All
          </button>
        </div>
        <Select
          hidden
          label="Severity"
          value={value('severity')}
          onChange={(v) => setParameters({ severity: v })}
          options={[
            ['', 'Any severity'],
            ['critical', 'Critical'],
            ['warning', 'Warning'],
            ['info', 'Info'],
          ]}
        />
        {driftId !== '' && (
          <button type="button" class="chip" onClick={() => setParameters({ driftId: '' })}>
            Of one drift: show all
          </button>
        )}
        <span class="push" />
        {unreadAlerts.value > 0 && (
          <Button small icon="check" onClick={() => act('/alerts/mark-all-read')}>
            Mark all read
          </Button>
        )}
      </header>
      {list.error.value !== undefined && <ErrorBox error={list.error.value} retry={list.reload} />}
      {list.items === undefined && list.error.value === undefined && <Skeleton />}
      {list.items?.length === 0 && (
        <Empty icon="bell" title={all ? 'No alert yet' : 'You have read everything'}>
          <p class="muted">A critical drift and a check that fails raise one.</p>
        </Empty>
      )}
      {list.items !== undefined && list.items.length > 0 && (
        <ul class="alerts card">
          {list.items.map((alert) => (
            <li key={alert.id} class={alert.isRead ? 'alert alert-read' : 'alert'}>
              <SeverityBadge severity={alert.severity} />
              <div class="alert-text">
                <p>
                  {alert.driftId === null ? <bdi>{alert.title}</bdi> : <a href={`/drifts/${alert.driftId}`}><bdi>{alert.title}</bdi></a>}
                </p>
                <p class="muted" dir="auto">
                  {alert.message}
                  {alert.isRead && alert.readBy !== null && ` · read by ${alert.readBy}`}
                </p>
              </div>
              <span class="muted">
                <Time at={alert.createdAt} suffix />
              </span>
              {!alert.isRead && <Button small kind="quiet" icon="check" label={`Mark read: ${alert.title}`} onClick={() => act(`/alerts/${alert.id}/mark-read`)} />}
            </li>
          ))}
        </ul>
      )}
      {list.more && <More onClick={list.more} busy={list.reading} />}
    </section>
  );
}
