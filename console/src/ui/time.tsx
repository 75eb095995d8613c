import { signal } from '@preact/signals';

const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 20_000);

const units: [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
];

/** ago is the time since then in one unit: 5 min. */
export function ago(from: number, to: number): string {
  const passed = Math.max(0, to - from);
  for (const [size, unit] of units) {
    if (passed >= size) {
      return `${Math.floor(passed / size)} ${unit}`;
    }
  }
  return 'now';
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export function exactTime(iso: string): string {
  return exact.format(new Date(iso));
}

/** Time shows how long ago something was; its title has the exact time. */
export function Time({ at, suffix = false }: { at: string; suffix?: boolean }) {
  const text = ago(Date.parse(at), now.value);
  return (
    <time dateTime={at} title={exactTime(at)}>
      {text === 'now' && suffix ? 'just now' : text}
      {suffix && text !== 'now' ? ' ago' : ''}
    </time>
  );
}
