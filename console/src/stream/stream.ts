// The stream of events: the rules of docs/api/asyncapi.yaml (Resuming), with its state for people. It is the class of
// docs/frontend.md, with states, fresh tokens before the old one ends, and one set of topics from the start.
import { ApiError } from '../api/error';
import type { Event } from '../api/types';

export type Frame =
  | { type: 'welcome'; connectionId: string; cursor: string; heartbeatMs: number }
  | { type: 'ack'; id: string; topics: string[] }
  | { type: 'event'; topics: string[]; position: number; cursor: string; event: Event }
  | { type: 'position'; cursor: string }
  | { type: 'resync'; reason: string; cursor: string }
  | { type: 'reconnect'; afterMs: number }
  | { type: 'error'; code: string; message: string; traceId: string; id: string | null }
  | { type: 'pong'; id?: string };

export type Phase =
  | { name: 'connecting' }
  | { name: 'live' }
  /** How many events of the account are still to come. */
  | { name: 'catching up'; behind: number }
  /** retryAt is by Date.now(). */
  | { name: 'offline'; retryAt: number }
  | { name: 'ended'; reason: string };

export interface StreamOptions {
  url: string;
  topics: string[];
  /** The cursor from which on nothing may be missed. */
  after: string;
  token: (refused?: string) => Promise<string>;
  /** How long the token still holds, in milliseconds. */
  tokenExpiresIn: () => number;
  onEvent: (event: Event, position: number) => void;
  /** Everything must be read again; the new stream begins at the cursor that it returns. */
  onResync: () => Promise<string>;
  onPhase: (phase: Phase) => void;
}

/** The position in a cursor: all else in it is opaque. */
export function positionOf(cursor: string): number {
  return Number(cursor.split(':')[1]);
}

// After these codes the client is wrong, and would be again.
const fatal = [1002, 1003, 1007, 1008, 1009];

export class Stream {
  private cursor: string;
  private seen: number;
  private head = 0;
  private socket: WebSocket | undefined;
  private work: Promise<void> = Promise.resolve(); // frames are handled one after the other
  private lastId = 0;
  private pause = 500; // before the next attempt; it doubles
  private patience = 60_000; // with a silent connection
  private silence: ReturnType<typeof setTimeout> | undefined;
  private beat: ReturnType<typeof setInterval> | undefined;
  private fresh: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(private readonly options: StreamOptions) {
    this.cursor = options.after;
    this.seen = positionOf(options.after);
    void this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.drop();
  }

  /** now ends the pause before the next attempt, if there is one. */
  now(): void {
    if (this.retry !== undefined) {
      clearTimeout(this.retry);
      this.pause = 500;
      void this.connect();
    }
  }

  private async connect(refused?: string): Promise<void> {
    this.retry = undefined;
    if (this.closed) {
      return;
    }
    this.options.onPhase({ name: 'connecting' });
    let token: string;
    try {
      token = await this.options.token(refused);
    } catch (e) {
      if (e instanceof ApiError && e.status === 401) {
        this.end('signed out');
      } else {
        this.again(refused, 0); // The network is down.
      }
      return;
    }
    const socket = new WebSocket(this.options.url, ['driftsentry.v1', `bearer.${token}`]);
    this.socket = socket;
    let back = 0;
    this.listen(60_000);
    socket.onmessage = (message) => {
      const frame = JSON.parse(String(message.data)) as Frame;
      if (frame.type === 'welcome') {
        this.pause = 500;
        this.beat = setInterval(() => this.say({ type: 'ping' }), frame.heartbeatMs);
        this.listen(2 * frame.heartbeatMs);
        this.renewBeforeEnd();
      } else {
        this.listen();
      }
      if (frame.type === 'reconnect') {
        back = Date.now() + frame.afterMs;
      }
      this.work = this.work.then(() => this.handle(socket, frame)).catch((e: unknown) => console.warn(e));
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) {
        return;
      }
      this.drop();
      if (fatal.includes(event.code)) {
        this.end(`the server closed with ${event.code}: ${event.reason}`);
        return;
      }
      this.again(event.code === 4401 ? token : undefined, back);
    };
  }

  private again(refused: string | undefined, notBefore: number): void {
    if (this.closed) {
      return;
    }
    const pause = Math.max(notBefore - Date.now(), this.pause * (0.5 + Math.random() / 2));
    this.pause = Math.min(2 * this.pause, 30_000);
    this.options.onPhase({ name: 'offline', retryAt: Date.now() + pause });
    this.retry = setTimeout(() => void this.connect(refused), pause);
  }

  private end(reason: string): void {
    this.closed = true;
    this.options.onPhase({ name: 'ended', reason });
  }

  private async handle(socket: WebSocket, frame: Frame): Promise<void> {
    if (socket !== this.socket) {
      return; // The next connection brings it again.
    }
    switch (frame.type) {
      case 'welcome':
        this.head = positionOf(frame.cursor);
        this.say({ type: 'subscribe', id: String(++this.lastId), topics: this.options.topics, after: this.cursor });
        break;
      case 'ack':
        this.progress();
        break;
      case 'event':
        if (frame.position > this.seen) {
          this.options.onEvent(frame.event, frame.position);
        }
        this.reached(frame.cursor);
        break;
      case 'position':
        this.reached(frame.cursor);
        this.head = this.seen;
        this.progress();
        break;
      case 'resync':
        this.cursor = await this.options.onResync();
        this.seen = positionOf(this.cursor);
        this.head = this.seen;
        this.progress();
        break;
      case 'error':
        console.warn(`${frame.code}: ${frame.message} (trace ${frame.traceId})`);
    }
  }

  // An event that comes again does not move the cursor back.
  private reached(cursor: string): void {
    if (positionOf(cursor) > this.seen) {
      this.cursor = cursor;
      this.seen = positionOf(cursor);
      this.progress();
    }
  }

  // Events of other topics are not sent, so the last few before the head may never come: the next `position` says that all is here.
  private progress(): void {
    const behind = this.head - this.seen;
    this.options.onPhase(behind > 0 ? { name: 'catching up', behind } : { name: 'live' });
  }

  private renewBeforeEnd(): void {
    clearTimeout(this.fresh);
    this.fresh = setTimeout(() => {
      this.options
        .token()
        .then((token) => {
          this.say({ type: 'auth', id: String(++this.lastId), token });
          this.renewBeforeEnd();
        })
        .catch(() => undefined); // The server closes with 4401 then.
    }, Math.max(this.options.tokenExpiresIn() - 15_000, 5_000));
  }

  private say(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
    }
  }

  private listen(patience = this.patience): void {
    this.patience = patience;
    clearTimeout(this.silence);
    const socket = this.socket;
    // A dead connection may take minutes to close, so it is given up at once.
    this.silence = setTimeout(() => socket?.onclose?.(new CloseEvent('close', { code: 1006, reason: 'silence' })), patience);
  }

  private drop(): void {
    clearTimeout(this.silence);
    clearTimeout(this.fresh);
    clearInterval(this.beat);
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }
}
