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

  /** addAlerts adds a topic to the live stream. Alerts are raised before and after its list is read. */
  async addAlerts(base: string, email: string, password: string): Promise<void> {
    const api = new Api(base);
    await api.signIn(email, password);
    const raise = (resourceId: string) =>
      api.post('/api/v1/drifts', {
        resourceId,
        resourceType: 'aws_instance',
        region: 'eu-central-1',
        severity: 'critical',
        expectedState: { size: 'small' },
        actualState: { size: 'large' },
      });
    await page.stream?.add('alerts', async () => {
      await raise('before the list');
      const { head } = await api.get<{ head: string }>('/api/v1/events?limit=1');
      const list = await api.get<Schemas['AlertPage']>('/api/v1/alerts?limit=100');
      page.alerts = list.items.map((alert) => alert.id);
      await raise('after the list');
      return list.cursor ?? head;
    });
  },
};

Object.assign(window, { page });
