// The workspaces' names, for filters; the number of drifts that wait, and of unread alerts, for the frame.
import { signal } from '@preact/signals';
import { get } from '../api/client';
import type { Data, DriftPage, Workspace } from '../api/types';
import { listen, waiting } from '../stream/live';

export const workspaces = signal<Workspace[]>([]);
export const unreadAlerts = signal(0);

async function refresh(what: { workspaces: boolean; drifts: boolean; alerts: boolean }): Promise<void> {
  await Promise.allSettled([
    what.workspaces && get<Data<'listWorkspaces'>>('/workspaces').then((list) => (workspaces.value = list)),
    what.drifts && get<DriftPage>('/drifts?status=detected,triaged&limit=1').then((page) => (waiting.value = page.pagination.total)),
    what.alerts && get<Data<'countUnreadAlerts'>>('/alerts/unread-count').then(({ count }) => (unreadAlerts.value = count)),
  ]);
}

let due = { workspaces: false, drifts: false, alerts: false };
let timer: ReturnType<typeof setTimeout> | undefined;

function later(): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    const now = due;
    due = { workspaces: false, drifts: false, alerts: false };
    void refresh(now);
  }, 500);
}

/** refreshFrame reads all of them again. */
export function refreshFrame(): Promise<void> {
  return refresh({ workspaces: true, drifts: true, alerts: true });
}

listen((events) => {
  for (const { event } of events) {
    const [kind] = event.type.split('.');
    due.drifts ||= kind === 'drift';
    due.alerts ||= kind === 'alert' || kind === 'drift';
    due.workspaces ||= kind === 'check' || kind === 'workspace';
  }
  later();
});
