// What the installation tells the page: /console.json.
export interface Config {
  version: string;
  /** Where the stream is, such as ws://localhost:3002/ws; null when it is on this origin. */
  realtime: string | null;
  /** Where people look at a trace, with {traceId} in it; null when there is no such place. */
  traceUrl: string | null;
  /** Where the page reads a trace that it draws, with {traceId} in it; null when there is no such place. */
  traceSource: string | null;
  /** The host of the identity provider; null without one. */
  provider: string | null;
}

export let config: Config = { version: '', realtime: null, traceUrl: null, traceSource: null, provider: null };

export async function loadConfig(): Promise<void> {
  const response = await fetch('/console.json', { headers: { Accept: 'application/json' } });
  if (!response.ok) {
    throw new Error(`The page's configuration cannot be read: ${response.status}.`);
  }
  config = (await response.json()) as Config;
}

export function realtimeURL(): string {
  return config.realtime ?? `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
}
