// One trace, drawn here where the installation has a source for it; else the page says where it can be seen.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { config } from '../config';
import { navigate } from '../router';
import { accessToken } from '../session/token';
import { rowsOf, took, type Row, type TraceData } from '../trace/tree';
import { traceAddress } from '../trace/link';
import { Button, CopyButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { useKeys } from '../ui/keys';
import { useResource } from '../ui/resource';
import { Code, Empty, ErrorBox, Skeleton } from '../ui/state';
import { exactTime } from '../ui/time';

export function Trace({ id }: { id: string }) {
  if (!/^[0-9a-f]{32}$/.test(id)) {
    return <Empty whole icon="trace" title="That is no trace ID" />;
  }
  return (
    <section class="page trace">
      <header class="page-head">
        <h1>Trace</h1>
        <code>{id}</code>
        <CopyButton text={id} label="Copy the trace ID" />
        {config.traceUrl !== null && (
          <a href={traceAddress(id)} target="_blank" rel="noopener noreferrer">
            Where all traces are <Icon name="out" />
          </a>
        )}
      </header>
      {config.traceSource === null ? <Elsewhere id={id} /> : <Waterfall id={id} source={config.traceSource} />}
    </section>
  );
}

function Elsewhere({ id }: { id: string }) {
  return config.traceUrl !== null ? (
    <Empty icon="trace" title="This installation keeps its traces elsewhere">
      <a href={traceAddress(id)} target="_blank" rel="noopener noreferrer">
        Open this one there
      </a>
    </Empty>
  ) : (
    <Empty icon="trace" title="This installation names no place for traces">
      <p class="muted">An operator sets TRACE_URL, so that this link leads there. With make run, this command prints the trace:</p>
      <Code label="Command that prints the trace" text={`make trace ID=${id}`} />
    </Empty>
  );
}

/** read is undefined when the trace is not there. */
async function read(source: string, id: string, signal: AbortSignal): Promise<TraceData | undefined> {
  const response = await fetch(source.replaceAll('{traceId}', id), { headers: { Authorization: `Bearer ${await accessToken()}` }, signal });
  if (response.status === 404) {
    return undefined;
  }
  if (!response.ok) {
    throw new Error(`The source of traces answers with ${response.status}.`);
  }
  return (await response.json()) as TraceData;
}

const young = 20_000;
const pause = 1_500;
const mostLooks = 12;

function Waterfall({ id, source }: { id: string; source: string }) {
  const { data, error, loading, reload } = useResource(`trace ${id}`, async (signal) => ({ trace: await read(source, id, signal) }));
  const open = useSignal<ReadonlySet<string>>(new Set());
  const looked = useSignal(0);
  // Services and browsers send their parts seconds later: a young trace is read again until it is old, or nothing of it has come for long.
  useEffect(() => {
    const found = data.value;
    if (found === undefined || looked.value >= mostLooks || (found.trace !== undefined && Date.now() - Date.parse(found.trace.startedAt) > young)) {
      return;
    }
    const timer = setTimeout(() => {
      looked.value++;
      reload();
    }, pause);
    return () => clearTimeout(timer);
  }, [data.value]);
  const trace = data.value?.trace;
  const rows = trace === undefined ? [] : rowsOf(trace);
  const move = (by: number) => {
    const buttons = [...document.querySelectorAll<HTMLElement>('.span-button')];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at + by))]?.focus();
  };
  useKeys({ j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1), u: () => (history.length > 1 ? history.back() : navigate('/inbox')) });
  if (error.value !== undefined && trace === undefined) {
    return <ErrorBox error={error.value} retry={reload} />;
  }
  if (data.value === undefined) {
    return <Skeleton rows={6} />;
  }
  if (trace === undefined || trace.spans.length === 0) {
    return (
      <Empty icon="trace" title="Nothing of this trace is here">
        <p class="muted">It may come in a moment, or it is forgotten: only the newest are kept.</p>
        <Button busy={loading.value} onClick={reload}>
          Look again
        </Button>
      </Empty>
    );
  }
  const whole = Math.max(...trace.spans.map((s) => s.start + s.duration), 0.001);
  const services = [...new Set(trace.spans.map((s) => s.service))];
  const failed = trace.spans.filter((s) => s.failed).length;
  const toggle = (span: string) => {
    const next = new Set(open.value);
    if (!next.delete(span)) {
      next.add(span);
    }
    open.value = next;
  };
  return (
    <>
      <p class="trace-facts">
        <span>{exactTime(trace.startedAt)}</span>
        <strong>{took(whole)}</strong>
        <span>{trace.spans.length === 1 ? 'one span' : `${trace.spans.length} spans`}</span>
        {failed > 0 && <span class="pill pill-failed">{failed} failed</span>}
        <span class="trace-services">
          {services.map((name, i) => (
            <span key={name} class={`trace-service service-${i % 5}`}>
              <bdi>{name}</bdi>
            </span>
          ))}
        </span>
        <Button small busy={loading.value} onClick={reload}>
          Look again
        </Button>
      </p>
      <ol class="waterfall card" aria-label="Spans">
        {rows.map((row) => (
          <SpanRow key={row.span.id} row={row} whole={whole} service={services.indexOf(row.span.service) % 5} open={open.value.has(row.span.id)} onToggle={() => toggle(row.span.id)} />
        ))}
      </ol>
      {trace.more > 0 && <p class="muted more">{trace.more} more spans are not shown.</p>}
    </>
  );
}

function SpanRow({ row, whole, service, open, onToggle }: { row: Row; whole: number; service: number; open: boolean; onToggle: () => void }) {
  const { span, depth, logs } = row;
  const left = (Math.min(Math.max(span.start, 0), whole) / whole) * 100;
  const width = Math.min((span.duration / whole) * 100, 100 - left);
  return (
    <li class={span.failed ? 'span span-failed' : 'span'}>
      <button type="button" class="span-button" aria-expanded={open} onClick={onToggle}>
        <span class="span-name" style={{ paddingInlineStart: `${Math.min(depth, 12) * 0.75}rem` }}>
          <span class={`span-dot service-${service}`} aria-hidden="true" />
          <bdi>{span.name}</bdi>
          <span class="visually-hidden"> of {span.service}</span>
          {span.failed && <Icon name="cross" />}
          {span.failed && <span class="visually-hidden">failed</span>}
          {logs.length > 0 && (
            <span class="span-logs">
              <Icon name="comment" /> {logs.length}
              <span class="visually-hidden"> log lines</span>
            </span>
          )}
        </span>
        <span class="span-track" aria-hidden="true">
          <span class={`span-bar service-${service}`} style={{ left: `${left}%`, width: `max(2px, ${width}%)` }} />
        </span>
        <span class="span-took">{took(span.duration)}</span>
      </button>
      {open && <Details row={row} />}
    </li>
  );
}

function Details({ row: { span, logs } }: { row: Row }) {
  const attributes = Object.entries(span.attributes ?? {}).toSorted(([a], [b]) => a.localeCompare(b));
  return (
    <div class="span-details">
      <p class="muted">
        {span.service}, {span.kind}, from {took(span.start)} on{span.message !== '' && `: ${span.message}`}
      </p>
      {attributes.length > 0 && (
        <dl class="span-attributes">
          {attributes.map(([name, value]) => (
            <div key={name}>
              <dt>
                <code>{name}</code>
              </dt>
              <dd dir="auto">{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      {span.links.length > 0 && (
        <p>
          Linked to{' '}
          {span.links.map((id) => (
            <a key={id} href={`/trace/${id}`}>
              <code>{id.slice(0, 8)}</code>
            </a>
          ))}
        </p>
      )}
      {logs.length > 0 && (
        <ul class="span-lines" aria-label="Log lines">
          {logs.map((line, i) => (
            <li key={i}>
              <span class="muted">{took(Math.max(line.at, 0))}</span> <span class={`line-${line.severity.toLowerCase()}`}>{line.severity}</span> <span dir="auto">{line.body}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
