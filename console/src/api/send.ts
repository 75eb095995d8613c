// One request, without a session: the envelope becomes a value or an ApiError.
import { ApiError, Offline, type FieldError } from './error';
import type { Schemas } from './types';

interface ErrorEnvelope {
  success: false;
  error: {
    code: Schemas['ErrorCode'];
    message: string;
    traceId: string;
    details: { errors?: FieldError[]; reason?: string } | null;
  };
}

export interface Options {
  body?: unknown;
  token?: string | undefined;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Whether it goes on when the page is left. */
  keepalive?: boolean;
}

export async function send<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  const init: RequestInit = { method, headers, credentials: 'same-origin', keepalive: options.keepalive === true };
  if (options.token !== undefined) {
    headers['Authorization'] = `Bearer ${options.token}`;
  }
  if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(options.body);
  }
  if (options.signal !== undefined) {
    init.signal = options.signal;
  }
  let response: Response;
  let envelope: { success: true; data: T } | ErrorEnvelope;
  try {
    response = await fetch(path, init);
    envelope = (await response.json()) as typeof envelope;
  } catch (e) {
    if (options.signal?.aborted === true) {
      throw e;
    }
    throw new Offline();
  }
  if (!envelope.success) {
    throw refused(response, envelope);
  }
  return envelope.data;
}

/** refusalOf is the error in a response that is no success. */
export async function refusalOf(response: Response): Promise<Error> {
  try {
    return refused(response, (await response.json()) as ErrorEnvelope);
  } catch {
    return new Offline();
  }
}

function refused(response: Response, envelope: ErrorEnvelope): ApiError {
  const { code, message, traceId, details } = envelope.error;
  const after = Number(response.headers.get('Retry-After') ?? NaN);
  return new ApiError(response.status, code, message, traceId, details?.errors ?? [], details?.reason, Number.isNaN(after) ? undefined : after);
}

/** An id for a request, a traced one or one that may be repeated. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, '0')).join('');
}
