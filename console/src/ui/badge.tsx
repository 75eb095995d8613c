import type { DriftStatus, Severity } from '../api/types';

/** The severity in a word and a shape, never in colour alone. */
export function SeverityBadge({ severity }: { severity: Severity }) {
  return (
    <span class={`severity severity-${severity}`}>
      <svg class="severity-shape" viewBox="0 0 10 10" aria-hidden="true">
        {severity === 'critical' ? <path d="M5 .8l4.4 8H.6z" /> : severity === 'warning' ? <path d="M5 .5L9.5 5 5 9.5.5 5z" /> : <circle cx="5" cy="5" r="3.4" />}
      </svg>
      <span class="severity-word">{severity}</span>
    </span>
  );
}

export function StatusPill({ status, text = status }: { status: DriftStatus | string; text?: string }) {
  return <span class={`pill pill-${status}`}>{text}</span>;
}
