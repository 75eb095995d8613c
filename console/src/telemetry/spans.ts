// What the browser tells: spans of actions, requests, screens, and of events from when they happened to the frame that shows them; how the
// page feels, and the errors that it did not handle. They
// have the shape of `POST /telemetry` and few bounds of their own: what cannot be sent is dropped, and nothing waits for it.
import { effect } from '@preact/signals';
import { ApiError, Offline } from '../api/error';
import { randomHex, send } from '../api/send';
import type { Event, Schemas } from '../api/types';
import { path as screenPath } from '../router';
import { accessToken, expiresIn, signedIn } from '../session/token';
import { provide, type Action, type Meter } from './context';
import { onReceive } from './receive';

type PageSpan = Schemas['PageSpan'];
/** A span with its end by performance.now(). */
type Ended = Omit<PageSpan, 'ago'> & { end: number };

const most = 100; // spans in a report
const kept = 300; // spans that wait for one
const pause = 5_000;

let waiting: Ended[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
let notBefore = 0;
let off = false;
// How long a report takes to the API, about: half of what the last one took. So spans stand where they were by the API's clock.
let way = 0;
const longestWay = 1_000;

function put(span: Ended): void {
  if (off || waiting.length >= kept) {
    return;
  }
  waiting.push(span);
  timer ??= setTimeout(() => void report(), Math.max(pause, notBefore - performance.now()));
}

async function report(): Promise<void> {
  clearTimeout(timer);
  timer = undefined;
  const spans = waiting.splice(0, most);
  // A report is no reason to open a session.
  if (spans.length === 0 || signedIn.peek() !== 'in' || expiresIn() <= 0) {
    return;
  }
  try {
    const token = await accessToken();
    const now = performance.now() + way;
    await send('POST', '/api/v1/telemetry', { token, keepalive: true, body: { spans: spans.map(({ end, ...span }) => ({ ...span, ago: Math.max(0, now - end) })) } });
    way = Math.min((performance.now() + way - now) / 2, longestWay);
  } catch (e) {
    notBefore = performance.now() + 60_000;
    off = e instanceof ApiError && e.status === 404; // An installation without it.
    waiting = [];
  }
  if (waiting.length > 0) {
    timer ??= setTimeout(() => void report(), pause);
  }
}

interface Context {
  traceId: string;
  spanId: string;
}

let action: Context | undefined; // while an action begins
let navigation: Context | undefined; // until its screen is painted

function begin(parent: Context | undefined): Context & { parentId?: string } {
  return parent === undefined ? { traceId: randomHex(16), spanId: randomHex(8) } : { traceId: parent.traceId, spanId: randomHex(8), parentId: parent.spanId };
}

const meter: Meter = {
  request: (method, path) => {
    const context = begin(action ?? navigation);
    const start = performance.now();
    return {
      headers: { traceparent: `00-${context.traceId}-${context.spanId}-01` },
      end: (status) => {
        const end = performance.now();
        way = way === 0 ? Math.min((end - start) / 2, longestWay) : way;
        put({ ...context, type: 'request', name: `${method} ${route(path)}`, status, end, duration: end - start });
      },
    };
  },
  act: async (name: Action, work) => {
    const context = begin(undefined);
    const start = performance.now();
    action = context;
    let result;
    try {
      result = work();
    } finally {
      action = undefined;
    }
    try {
      return await result;
    } finally {
      const end = performance.now();
      put({ ...context, type: 'act', name, end, duration: end - start });
    }
  },
};

/** route is a path of the API as its document has it. */
function route(path: string): string {
  const ids = ['{id}', '{delivery}'];
  return path
    .replace(/\?.*$/, '')
    .replace(/^\/workspaces\/[^/]+/, '/workspaces/{name}')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}/gi, () => ids.shift() ?? '{id}');
}

function screenOf(path: string): string {
  const [, place = '', ...rest] = path.split('/');
  const more = rest.length === 0 || rest[0] === '' ? '' : place === 'workspaces' ? '/{name}' : place === 'settings' ? '/*' : '/{id}';
  return `/${place}${more}`;
}

const screens = new Set(['/inbox', '/drifts/{id}', '/workspaces', '/workspaces/{name}', '/checks', '/checks/{id}', '/alerts', '/insights', '/audit', '/settings', '/settings/*', '/trace/{id}']);

let here = screenPath.peek();

function navigated(to: string): void {
  const name = screenOf(to);
  if (to === here || !screens.has(name)) {
    here = to;
    return;
  }
  here = to;
  const context = begin(undefined);
  const start = performance.now();
  navigation = context;
  // The screen asks for what it needs after it was drawn.
  requestAnimationFrame(() =>
    setTimeout(() => {
      const end = performance.now();
      navigation = navigation === context ? undefined : navigation;
      put({ ...context, type: 'navigate', name, end, duration: end - start });
    }),
  );
}

const groups = 20; // traces of one frame that are told

/** received is called before the frame that shows the events is painted. */
function received(events: Event[]): void {
  const byParent = new Map<string, { count: number; happenedAt: string }>();
  for (const { traceparent, time } of events) {
    const known = byParent.get(traceparent ?? '');
    if (known !== undefined) {
      known.count++;
    } else if (traceparent !== undefined && byParent.size < groups) {
      byParent.set(traceparent, { count: 1, happenedAt: time });
    }
  }
  // A task that is made while a frame is drawn comes after its painting.
  setTimeout(() => {
    const end = performance.now();
    for (const [traceparent, { count, happenedAt }] of byParent) {
      const [, traceId, parentId] = traceparent.split('-');
      if (traceId !== undefined && parentId !== undefined) {
        put({ traceId, spanId: randomHex(8), parentId, type: 'receive', events: count, happenedAt, end, duration: 0 });
      }
    }
  });
}

const told = new Set<string>(); // errors of this page
const mostErrors = 10;

/** failed tells an error that nobody handled, once for each place where it happens. What other scripts of the browser throw is theirs. */
function failed(error: unknown): void {
  // A refusal, or a lost connection, is on the screen, and in the logs of api.
  if (!(error instanceof Error) || error instanceof ApiError || error instanceof Offline || error.name === 'AbortError') {
    return;
  }
  const stack = [...(error.stack ?? '').matchAll(/\/assets\/([\w.-]+\.js:\d+:\d+)/g)].map(([, at]) => at!).slice(0, 20);
  const key = `${error.name} ${stack[0] ?? error.message}`;
  if (stack.length === 0 || told.has(key) || told.size >= mostErrors) {
    return;
  }
  told.add(key);
  const name = /^[A-Za-z][A-Za-z0-9]{0,39}$/.test(error.name) ? error.name : 'Error';
  put({ ...begin(navigation), type: 'error', name, message: [...error.message].slice(0, 500).join(''), stack, end: performance.now(), duration: 0 });
}

// Both are told when the page is left for the first time: until then they may grow.
let largest = 0;
let slowest = 0;

function measureVitals(): void {
  const watch = (type: string, more: object, note: (entry: PerformanceEntry) => void) => {
    if (PerformanceObserver.supportedEntryTypes?.includes(type)) {
      new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true, ...more });
    }
  };
  watch('largest-contentful-paint', {}, (entry) => (largest = entry.startTime));
  watch('event', { durationThreshold: 40 }, (entry) => {
    if ((entry as PerformanceEntry & { interactionId?: number }).interactionId) {
      slowest = Math.max(slowest, entry.duration);
    }
  });
}

function tellVitals(): void {
  const end = performance.now();
  for (const [name, duration] of [
    ['lcp', largest],
    ['inp', slowest],
  ] as const) {
    if (duration > 0) {
      put({ ...begin(undefined), type: 'vital', name, end, duration: Math.min(duration, 600_000) });
    }
  }
  largest = 0;
  slowest = 0;
}

export function start(): void {
  provide(meter);
  onReceive(received);
  measureVitals();
  addEventListener('error', (event) => failed(event.error));
  addEventListener('unhandledrejection', (event) => failed(event.reason));
  effect(() => navigated(screenPath.value));
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') {
      tellVitals();
      void report();
    }
  });
}
