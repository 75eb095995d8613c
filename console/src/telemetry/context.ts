// The seam for what the browser measures: until its telemetry is there, and where it is blocked, nothing is measured, requests have no
// trace of their own, and the API begins one.

/** A request that is being measured. */
export interface Measured {
  /** What continues the browser's trace in the API. */
  headers: Record<string, string>;
  /** The status of the response; 0 without one. */
  end: (status: number) => void;
}

export type Action = 'approve' | 'reject' | 'triage' | 'resolve' | 'reopen' | 'comment' | 'assign';

export interface Meter {
  /** It belongs to the action or the navigation that begins it. */
  request: (method: string, path: string) => Measured;
  act: <T>(action: Action, work: () => Promise<T>) => Promise<T>;
}

let meter: Meter = { request: () => ({ headers: {}, end: () => undefined }), act: (_, work) => work() };

export const request: Meter['request'] = (method, path) => meter.request(method, path);

/** act does what a user asked for. Requests that work begins at once belong to it. */
export const act: Meter['act'] = (action, work) => meter.act(action, work);

/** provide is called by the telemetry once it is there. */
export function provide(m: Meter): void {
  meter = m;
}
