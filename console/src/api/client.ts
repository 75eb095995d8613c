// Requests of the signed-in user. A refused access token is replaced once, and the password is asked for where the API wants it again.
import { prove } from '../session/proof';
import { accessToken } from '../session/token';
import { request } from '../telemetry/context';
import { ApiError, Offline } from './error';
import { randomHex, refusalOf, send } from './send';

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const measured = request(method, path);
  let status = 0;
  try {
    const result = await attempt<T>(method, path, measured.headers, body, signal);
    status = 200;
    return result;
  } catch (e) {
    status = e instanceof ApiError ? e.status : 0;
    throw e;
  } finally {
    // One that the page gave up says nothing about the server.
    if (signal?.aborted !== true) {
      measured.end(status);
    }
  }
}

async function attempt<T>(method: string, path: string, trace: Record<string, string>, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { ...trace };
  if (method === 'POST') {
    headers['Idempotency-Key'] = randomHex(16);
  }
  const token = await accessToken();
  try {
    return await send<T>(method, `/api/v1${path}`, { body, token, headers, signal });
  } catch (e) {
    if (!(e instanceof ApiError) || e.status !== 401 || e.reason === 'credentials') {
      throw e;
    }
    if (e.reason === 'stale') {
      await prove(e);
    }
    return await send<T>(method, `/api/v1${path}`, { body, token: await accessToken(token), headers, signal });
  }
}

export const get = <T>(path: string, signal?: AbortSignal) => call<T>('GET', path, undefined, signal);
export const post = <T>(path: string, body: unknown = {}) => call<T>('POST', path, body);
export const patch = <T>(path: string, body: unknown) => call<T>('PATCH', path, body);
export const del = <T>(path: string) => call<T>('DELETE', path);

/** download saves what a path streams as a file. It is read whole first: a part of it would look like all. */
export async function download(path: string, name: string): Promise<void> {
  const fetched = async (token: string) => {
    try {
      return await fetch(`/api/v1${path}`, { headers: { Authorization: `Bearer ${token}` }, credentials: 'same-origin' });
    } catch {
      throw new Offline();
    }
  };
  const token = await accessToken();
  let response = await fetched(token);
  if (response.status === 401) {
    response = await fetched(await accessToken(token));
  }
  if (!response.ok) {
    throw await refusalOf(response);
  }
  let file: Blob;
  try {
    file = await response.blob();
  } catch {
    throw new Error('The file broke off. Try again.');
  }
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** query is a query string without what is empty. */
export function query(parameters: Record<string, string | number | boolean | undefined>): string {
  const pairs = Object.entries(parameters).filter(([, v]) => v !== undefined && v !== '');
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs.map(([k, v]) => [k, String(v)])).toString()}`;
}
