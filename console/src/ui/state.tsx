// What a screen shows when there is nothing, nothing yet, or an error.
import type { ComponentChildren } from 'preact';
import { ApiError, messageOf, traceOf, Offline } from '../api/error';
import { TraceLink } from '../trace/link';
import { Button, CopyButton } from './button';
import { Icon, type IconName } from './icon';

/** Empty is a place with nothing in it; whole is for one that is the whole screen. */
export function Empty({ icon = 'inbox', title, whole = false, children }: { icon?: IconName; title: string; whole?: boolean; children?: ComponentChildren }) {
  const Heading = whole ? 'h1' : 'h2';
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <Heading>{title}</Heading>
      {children}
    </div>
  );
}

export function ErrorBox({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const trace = traceOf(error);
  return (
    <div class="error-box" role="alert">
      <p>
        <strong>{error instanceof ApiError && error.reason === 'stale' ? 'Sign in again.' : error instanceof Offline ? 'No connection.' : 'That did not work.'}</strong> {messageOf(error)}
      </p>
      {(trace !== undefined || retry !== undefined) && (
        <p class="error-box-foot">
          {trace !== undefined && (
            <>
              Trace <TraceLink id={trace} /> <CopyButton text={trace} label="Copy the trace ID" />
            </>
          )}
          {retry && (
            <Button small onClick={retry}>
              Try again
            </Button>
          )}
        </p>
      )}
    </div>
  );
}

export function Skeleton({ rows = 8 }: { rows?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} class="skeleton-row" />
      ))}
    </div>
  );
}

/** Code is a block to copy. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} label={`Copy: ${label}`} />
    </div>
  );
}
