// How a value of a state reads.

export const masked = '[redacted]';

/** text is a value for people: strings as they are, the rest as JSON with one member to a line. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? 'null');
}
