// The seam for traces: every ID on every screen is this link.
import { config } from '../config';
import { Icon } from '../ui/icon';

export function traceAddress(id: string): string {
  return config.traceUrl === null ? `/trace/${id}` : config.traceUrl.replaceAll('{traceId}', encodeURIComponent(id));
}

export function TraceLink({ id, text }: { id: string; text?: string }) {
  const outside = config.traceUrl !== null;
  return (
    <a class="trace-link" href={traceAddress(id)} title={`Trace ${id}`} {...(outside ? { target: '_blank', rel: 'noopener noreferrer' } : {})}>
      <Icon name="trace" />
      {text ?? <code>{id.slice(0, 8)}</code>}
      {text !== undefined && <span class="visually-hidden"> {id}</span>}
    </a>
  );
}
