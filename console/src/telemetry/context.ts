// The seam for what the browser tells: until its telemetry is loaded, requests have no trace of their own, and the API begins one.

let context: (method: string, path: string) => Record<string, string> = () => ({});

/** headersOf are the headers that continue the browser's trace in the API. */
export function headersOf(method: string, path: string): Record<string, string> {
  return context(method, path);
}

/** provide is called by the telemetry once it is there. */
export function provide(headers: typeof context): void {
  context = headers;
}
