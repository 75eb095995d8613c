import type { Schemas } from './types';

export interface FieldError {
  field: string;
  message: string;
}

/** What the API says about a request that it refused. The trace ID leads an operator to the cause. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: Schemas['ErrorCode'],
    message: string,
    readonly traceId: string,
    readonly fields: FieldError[] = [],
    /** For 401: why the caller is refused. */
    readonly reason: string | undefined = undefined,
    /** In seconds; for 429 and 503. */
    readonly retryAfter: number | undefined = undefined,
  ) {
    super(message);
  }
}

/** There was no response: the network is down, or nothing listens there. */
export class Offline extends Error {
  constructor() {
    super('The server cannot be reached.');
  }
}

/** messageOf is an error for people. */
export function messageOf(e: unknown): string {
  if (e instanceof ApiError) {
    const text = e.fields.length > 0 ? e.fields.map((f) => `${f.field} ${f.message}`).join('; ') : e.message;
    return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
  }
  return e instanceof Error ? e.message : String(e);
}

export function traceOf(e: unknown): string | undefined {
  return e instanceof ApiError && e.traceId !== '' ? e.traceId : undefined;
}
