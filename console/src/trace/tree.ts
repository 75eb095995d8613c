// A trace as rows: each span below its parent, in the order in which they began.

export interface Span {
  id: string;
  parentId: string;
  name: string;
  kind: string;
  service: string;
  /** Milliseconds from the start of the trace. */
  start: number;
  duration: number;
  failed: boolean;
  message: string;
  attributes: Record<string, unknown> | null;
  /** The traces that it is linked to. */
  links: string[];
}

export interface Log {
  spanId: string;
  at: number;
  severity: string;
  service: string;
  body: string;
  attributes: Record<string, unknown> | null;
}

export interface TraceData {
  startedAt: string;
  spans: Span[];
  logs: Log[];
  /** How many spans there are beside these. */
  more: number;
}

export interface Row {
  span: Span;
  depth: number;
  logs: Log[];
}

/** rowsOf are the spans as a tree, roots first. A span whose parent is not there is a root, and none is left out when parents form a circle. */
export function rowsOf(trace: TraceData): Row[] {
  const known = new Set(trace.spans.map((s) => s.id));
  const children = new Map<string, Span[]>();
  for (const span of trace.spans.toSorted((a, b) => a.start - b.start)) {
    const parent = known.has(span.parentId) ? span.parentId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const logs = new Map<string, Log[]>();
  for (const log of trace.logs) {
    logs.set(log.spanId, [...(logs.get(log.spanId) ?? []), log]);
  }
  const rows: Row[] = [];
  const seen = new Set<string>();
  const below = (list: Span[], depth: number) => {
    for (const span of list) {
      if (!seen.has(span.id)) {
        seen.add(span.id);
        rows.push({ span, depth, logs: logs.get(span.id) ?? [] });
        below(children.get(span.id) ?? [], depth + 1);
      }
    }
  };
  below(children.get('') ?? [], 0);
  below(trace.spans, 0);
  return rows;
}

/** took is a time for people. */
export function took(ms: number): string {
  if (ms >= 10_000) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  return ms >= 100 ? `${Math.round(ms)} ms` : ms >= 1 ? `${ms.toFixed(1)} ms` : `${Math.round(ms * 1000)} µs`;
}
