// The access token lives in memory alone; the refresh token is a cookie that no script sees. Of several tabs one refreshes, and
// the others get the token from it: the lock lets one ask at a time, and the channel carries the result.
import { signal } from '@preact/signals';
import { ApiError } from '../api/error';
import { send } from '../api/send';

interface Token {
  value: string;
  expiresAt: number; // by this machine's clock
}

type Message =
  | { type: 'token'; token: Token }
  | { type: 'ask'; refused: string | undefined }
  | { type: 'signed-in' }
  | { type: 'signed-out' };

/** unknown: not asked yet; in; out: there is no session. */
export const signedIn = signal<'unknown' | 'in' | 'out'>('unknown');

const cookieMode = { 'X-Session-Mode': 'cookie' };
const margin = 20_000; // A token is replaced before it expires on the way.
const patience = 80; // for an answer of another tab

let token: Token | undefined;
let renewal: Promise<void> | undefined;
const channel = new BroadcastChannel('driftsentry-session');
const waiting = new Set<() => void>();

channel.onmessage = ({ data }: MessageEvent<Message>) => {
  switch (data.type) {
    case 'token':
      token = data.token;
      waiting.forEach((done) => done());
      break;
    case 'ask':
      if (usable(data.refused) && token !== undefined) {
        say({ type: 'token', token });
      }
      break;
    case 'signed-in': // It may be someone else: nothing of the page may stay.
      location.reload();
      break;
    case 'signed-out':
      token = undefined;
      signedIn.value = 'out';
  }
};

function say(message: Message): void {
  channel.postMessage(message);
}

function usable(refused: string | undefined): boolean {
  return token !== undefined && token.value !== refused && token.expiresAt - margin > Date.now();
}

/** accessToken is one that holds; a refused one is replaced first. It fails with 401 when there is no session any more. */
export async function accessToken(refused?: string): Promise<string> {
  if (!usable(refused)) {
    renewal ??= exclusively(() => renew(refused)).finally(() => (renewal = undefined));
    await renewal;
  }
  if (token === undefined) {
    throw new Error('There is no session.');
  }
  return token.value;
}

/** expiresIn is how long the token holds, in milliseconds. */
export function expiresIn(): number {
  return token === undefined ? 0 : token.expiresAt - Date.now();
}

// Pages over plain HTTP have no locks; two tabs may then refresh at once, which the API allows.
async function exclusively(step: () => Promise<void>): Promise<void> {
  await ('locks' in navigator ? navigator.locks.request('driftsentry-session', step) : step());
}

async function renew(refused: string | undefined): Promise<void> {
  await fromAnotherTab(refused);
  if (usable(refused)) {
    signedIn.value = 'in';
    return;
  }
  try {
    keep(await send('POST', '/api/v1/auth/refresh', { headers: cookieMode }));
  } catch (e) {
    if (e instanceof ApiError && e.status === 401) {
      token = undefined;
      signedIn.value = 'out';
    }
    throw e;
  }
}

async function fromAnotherTab(refused: string | undefined): Promise<void> {
  if (usable(refused)) {
    return;
  }
  await new Promise<void>((done) => {
    const end = () => {
      clearTimeout(timer);
      waiting.delete(end);
      done();
    };
    const timer = setTimeout(end, patience);
    waiting.add(end);
    say({ type: 'ask', refused });
  });
}

function keep(data: { accessToken: string; expiresIn: number }): void {
  token = { value: data.accessToken, expiresAt: Date.now() + data.expiresIn * 1000 };
  signedIn.value = 'in';
  say({ type: 'token', token });
}

export async function signIn(email: string, password: string): Promise<void> {
  const data = await login(email, password);
  say({ type: 'signed-in' });
  keep(data);
}

/** signInAgain proves that it is still the same user. The other tabs get the token of the new session, which takes the place of the old. */
export async function signInAgain(email: string, password: string): Promise<void> {
  keep(await login(email, password));
}

function login(email: string, password: string): Promise<{ accessToken: string; expiresIn: number }> {
  return send('POST', '/api/v1/auth/login', { body: { email, password }, headers: cookieMode });
}

export async function signOut(): Promise<void> {
  try {
    await send('POST', '/api/v1/auth/logout', { headers: cookieMode });
  } finally {
    token = undefined;
    signedIn.value = 'out';
    say({ type: 'signed-out' });
  }
}
