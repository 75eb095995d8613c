// One stream for the page. Screens listen to it; a list that was read at a cursor asks for what came after that.
import { signal } from '@preact/signals';
import { get } from '../api/client';
import type { Data, Event } from '../api/types';
import { realtimeURL } from '../config';
import { accessToken, expiresIn } from '../session/token';
import { received } from '../telemetry/receive';
import { Stream, positionOf, type Phase } from './stream';

export const phase = signal<Phase>({ name: 'connecting' });
/** epoch grows when everything must be read again. */
export const epoch = signal(0);
/** revived grows when the connection is back: what could not be read is tried again. */
export const revived = signal(0);

export interface Placed {
  event: Event;
  position: number;
  /** Whether it came as it happened, and not after a gap. */
  live: boolean;
}

type Listener = (events: Placed[]) => void;

const kept = 2000; // events, for lists that are being read while they come
const listeners = new Set<Listener>();
let recent: Placed[] = [];
let queue: Placed[] = [];
let stream: Stream | undefined;

/** listen calls back with the events that come, at most once for each frame of the screen. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** since are the events after a list's cursor that have come already. */
export function since(cursor: string | undefined): Placed[] {
  const position = cursor === undefined ? Infinity : positionOf(cursor);
  return recent.filter((e) => e.position > position);
}

export async function follow(): Promise<void> {
  if (stream !== undefined) {
    return;
  }
  stream = new Stream({
    url: realtimeURL(),
    topics: ['drifts', 'alerts', 'checks'],
    after: await head(),
    token: accessToken,
    tokenExpiresIn: expiresIn,
    onEvent: add,
    onResync: async () => {
      const cursor = await head();
      recent = [];
      queue = [];
      epoch.value++;
      return cursor;
    },
    onPhase: show,
  });
}

export function unfollow(): void {
  stream?.close();
  stream = undefined;
  recent = [];
  queue = [];
}

export function retryNow(): void {
  stream?.now();
}

async function head(): Promise<string> {
  return (await get<Data<'listEvents'>>('/events?limit=1')).head;
}

function show(next: Phase): void {
  if (next.name === 'live' && phase.value.name !== 'live') {
    revived.value++;
  }
  if (next.name !== phase.value.name || next.name === 'catching up' || next.name === 'offline') {
    phase.value = next;
  }
}

function add(event: Event, position: number): void {
  if (queue.length === 0) {
    schedule(flush);
  }
  queue.push({ event, position, live: phase.value.name === 'live' && document.visibilityState === 'visible' });
}

// A hidden page paints no frames.
function schedule(step: () => void): void {
  if (document.visibilityState === 'visible') {
    requestAnimationFrame(step);
  } else {
    setTimeout(step, 200);
  }
}

function flush(): void {
  const events = queue;
  queue = [];
  recent = recent.concat(events).slice(-kept);
  listeners.forEach((listener) => listener(events));
  received(events.filter((e) => e.live).map((e) => e.event));
}

addEventListener('online', retryNow);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') {
    retryNow();
  }
});

/** How many drifts wait for a decision. */
export const waiting = signal(0);
