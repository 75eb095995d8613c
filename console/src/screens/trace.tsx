// The seam for the waterfall: until there is one, the page says where the trace can be seen.
import { Code, Empty } from '../ui/state';
import { CopyButton } from '../ui/button';

export function Trace({ id }: { id: string }) {
  if (!/^[0-9a-f]{32}$/.test(id)) {
    return <Empty whole icon="trace" title="That is no trace ID" />;
  }
  return (
    <section class="page">
      <header class="page-head">
        <h1>Trace</h1>
        <code>{id}</code>
        <CopyButton text={id} label="Copy the trace ID" />
      </header>
      <Empty icon="trace" title="This installation names no place for traces">
        <p class="muted">An operator sets TRACE_URL, so that this link leads there. With make run, this command prints the trace:</p>
        <Code label="Command that prints the trace" text={`make trace ID=${id}`} />
      </Empty>
    </section>
  );
}
