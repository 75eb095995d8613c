// One drift in the inbox.
import type { Drift } from '../api/types';
import { Summary } from '../drift/difference';
import { SeverityBadge, StatusPill } from '../ui/badge';
import { Time } from '../ui/time';

interface RowProps {
  drift: Drift;
  index: number;
  total: number;
  active: boolean;
  focusable: boolean;
  chosen: boolean;
  glowing: boolean;
  onFocus: () => void;
  onToggle: () => void;
}

export function Row({ drift, index, total, active, focusable, chosen, glowing, onFocus, onToggle }: RowProps) {
  const settled = drift.status !== 'detected' && drift.status !== 'triaged';
  const by = drift.status === 'approved' ? drift.approvedBy : drift.status === 'rejected' ? drift.rejectedBy : null;
  return (
    <li
      class={`row${active ? ' row-active' : ''}${chosen ? ' row-chosen' : ''}${glowing ? ' row-glow' : ''}${settled ? ' row-settled' : ''}`}
      data-row={drift.id}
      aria-posinset={index + 1}
      aria-setsize={total}
      onFocusIn={onFocus}
    >
      <label class="row-check">
        <input type="checkbox" checked={chosen} tabIndex={-1} aria-label={`Select ${drift.resourceId}`} onChange={onToggle} />
      </label>
      <SeverityBadge severity={drift.severity} />
      <a class="row-link" href={`/drifts/${drift.id}`} tabIndex={focusable ? 0 : -1}>
        <bdi class="address">{drift.resourceId}</bdi>
      </a>
      <Summary drift={drift} />
      <span class="row-state" title={drift.suppressed?.reason ?? undefined}>
        {drift.suppressed != null ? <StatusPill status="ignored" /> : drift.status !== 'detected' && <StatusPill status={drift.status} />}
      </span>
      <bdi class="row-workspace" title={by === null ? drift.workspace : `${drift.workspace}, ${drift.status} by ${by}`}>
        {drift.workspace}
      </bdi>
      <span class="row-age">
        <Time at={drift.detectedAt} />
      </span>
    </li>
  );
}

/** focusRow gives a row the focus, as soon as it may have it. */
export function focusRow(id: string | undefined): void {
  if (id === undefined) {
    return;
  }
  // The row may come into the page with this change, and a dialog that closes gives the focus back first.
  requestAnimationFrame(() => {
    if (document.querySelector('dialog') !== null) {
      focusRow(id);
      return;
    }
    document.querySelector<HTMLElement>(`[data-row="${id}"] .row-link`)?.focus({ preventScroll: true });
  });
}
