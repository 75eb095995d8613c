// The page of the test: docs/frontend.md's code, and what the test looks at.
import { Api, type Schemas } from './api';
import { followDrifts, type Row } from './drifts';
import { Stream } from './stream';

const page = {
  rows: [] as Row[],
  positions: [] as number[], // of the events of drifts, as they were handled
  alerts: [] as string[],
  stream: undefined as Stream | undefined,

  /** begin reads the lists and follows both streams; it returns before a socket is open. */
  async begin(base: string, realtime: string, email: string, password: string, headers: Record<string, string>): Promise<string> {
    const api = new Api(base, () => headers);
    await api.signIn(email, password);
    const { head } = await api.get<{ head: string }>('/api/v1/events?limit=1');
    await followDrifts(api, realtime, (rows) => (page.rows = rows));
    page.stream = new Stream({
      url: realtime,
      topics: ['drifts'],
      after: head,
      token: (refused) => api.token(refused),
      onEvent: (event, position) => {
        if (event.type.startsWith('drift.')) {
          page.positions.push(position);
        } else {
          page.alerts.push(event.subject);
        }
      },
      onResync: () => Promise.reject(new Error('a resync')),
      onEnd: (reason) => document.body.append(reason),
    });
    return head;
  },

  /** addAlerts adds a topic to the live stream, and fills the list that goes with it. */
  async addAlerts(base: string, email: string, password: string): Promise<number> {
    const api = new Api(base);
    await api.signIn(email, password);
    await page.stream?.add('alerts', async () => {
      const { head } = await api.get<{ head: string }>('/api/v1/events?limit=1');
      const list = await api.get<Schemas['AlertPage']>('/api/v1/alerts');
      page.alerts = list.items.map((alert) => alert.id);
      return list.cursor ?? head;
    });
    return page.alerts.length;
  },
};

Object.assign(window, { page });
