// The rows of the inbox. What changes is changed in place and glows once; what is new waits behind the bar, so that nothing moves under
// the reader's pointer.
import { batch, signal } from '@preact/signals';
import { get, query } from '../api/client';
import type { Drift, DriftData, DriftPage, DriftStatus } from '../api/types';
import type { Result } from '../drift/decide';
import { listen, since, type Placed } from '../stream/live';

export interface Filter {
  view: View;
  severity: string;
  workspace: string;
  type: string;
  search: string;
  owner: string;
  /** The id of a group: drifts of one type that differ alike. */
  group: string;
  sort: Sort;
}

export type View = 'undecided' | 'decided' | 'resolved' | 'all' | 'ignored';
export type Sort = 'severity' | 'newest' | 'oldest' | 'cost';

export const statuses: Record<View, DriftStatus[]> = {
  undecided: ['detected', 'triaged'],
  decided: ['approved', 'rejected'],
  resolved: ['resolved'],
  all: [],
  ignored: ['detected', 'triaged', 'approved', 'rejected'],
};

/** suppressed is the parameter for what rules hide: it is in a view of its own. */
export const suppressed = (view: View): 'true' | undefined => (view === 'ignored' ? 'true' : undefined);

const orders: Record<Sort, [by: string, order: string]> = {
  severity: ['severity', 'desc'],
  newest: ['detectedAt', 'desc'],
  oldest: ['detectedAt', 'asc'],
  cost: ['costImpactMonthly', 'desc'],
};

export function filterOf(parameters: URLSearchParams): Filter {
  const one = <T extends string>(name: string, values: Record<T, unknown>, standard: T): T => {
    const value = parameters.get(name) ?? '';
    return value in values ? (value as T) : standard;
  };
  return {
    view: one('view', statuses, 'undecided'),
    severity: parameters.get('severity') ?? '',
    workspace: parameters.get('workspace') ?? '',
    type: parameters.get('type') ?? '',
    search: parameters.get('search') ?? '',
    owner: parameters.get('owner') ?? '',
    group: parameters.get('group') ?? '',
    sort: one('sort', orders, 'severity'),
  };
}

const pageSize = 100;

/** Rows is one reading of the list, and what happened to it since. */
export class Rows {
  readonly drifts = signal<Drift[]>([]);
  readonly total = signal<number | undefined>(undefined);
  readonly error = signal<unknown>(undefined);
  readonly loading = signal(true);
  readonly unseen = signal<ReadonlySet<string>>(new Set());
  readonly glowing = signal<ReadonlySet<string>>(new Set());

  private next: string | null = null;
  private reading: Promise<void> | undefined;
  private abort = new AbortController();
  private stop = listen((events) => this.apply(events));

  constructor(
    private readonly filter: Filter,
    /** The filters as they stand in the address. */
    readonly query: string,
  ) {
    void this.reload();
  }

  close(): void {
    this.stop();
    this.abort.abort();
  }

  /** reload reads the list again; the rows that were announced glow. */
  async reload(): Promise<void> {
    this.abort.abort();
    this.abort = new AbortController();
    const announced = this.unseen.value;
    this.loading.value = true;
    await this.read(null, this.abort.signal, (page) => {
      batch(() => {
        this.drifts.value = page.items;
        this.unseen.value = new Set();
        this.glowing.value = announced;
      });
      this.apply(since(page.cursor));
    });
  }

  /** more reads on when the row before the end is in sight. */
  more(last: number): void {
    if (this.next === null || this.reading !== undefined || last < this.drifts.value.length - 30) {
      return;
    }
    this.reading = this.read(this.next, this.abort.signal, (page) => {
      const known = new Set(this.drifts.value.map((d) => d.id));
      this.drifts.value = [...this.drifts.value, ...page.items.filter((d) => !known.has(d.id))];
    }).finally(() => (this.reading = undefined));
  }

  /** put shows a drift as a response has it. */
  put(drift: Result): void {
    this.replace(drift.id, (row) => (drift.version >= row.version ? { ...row, ...drift } : row));
  }

  private async read(cursor: string | null, abort: AbortSignal, use: (page: DriftPage) => void): Promise<void> {
    const [sortBy, sortOrder] = orders[this.filter.sort];
    const { severity, workspace, type, search, owner, group, view } = this.filter;
    try {
      const page = await get<DriftPage>(
        `/drifts${query({ status: statuses[view].join(), severity, workspace, resourceType: type, search: search.trim(), owner, group, suppressed: suppressed(view), sortBy, sortOrder, limit: pageSize, cursor: cursor ?? undefined })}`,
        abort,
      );
      batch(() => {
        this.next = page.pagination.nextCursor;
        this.total.value = page.pagination.total;
        this.error.value = undefined;
        this.loading.value = false;
        use(page);
      });
    } catch (e) {
      if (!abort.aborted) {
        this.error.value = e;
        this.loading.value = false;
      }
    }
  }

  private replace(id: string, change: (row: Drift) => Drift): void {
    this.drifts.value = this.drifts.value.map((row) => (row.id === id ? change(row) : row));
  }

  private apply(events: Placed[]): void {
    const changes = new Map<string, DriftData>();
    for (const { event } of events) {
      if (event.type.startsWith('drift.')) {
        const data = event.data as DriftData;
        changes.set(data.id, data);
      }
    }
    if (changes.size === 0 || this.total.value === undefined) {
      return;
    }
    const glowing = new Set(this.glowing.value);
    const unseen = new Set(this.unseen.value);
    const rows = this.drifts.value.map((row) => {
      const change = changes.get(row.id);
      changes.delete(row.id);
      if (change === undefined || change.version <= row.version) {
        return row;
      }
      glowing.add(row.id);
      return changed(row, change);
    });
    for (const [id, change] of changes) {
      if (this.wants(change)) {
        unseen.add(id);
      } else {
        unseen.delete(id);
      }
    }
    batch(() => {
      this.drifts.value = rows;
      this.glowing.value = glowing;
      this.unseen.value = unseen;
    });
    if (rows.length === 0 && unseen.size > 0) {
      void this.reload(); // Nothing can move.
    }
  }

  private wants(d: DriftData): boolean {
    const fits = (wanted: string, value: string) => wanted === '' || wanted.split(',').includes(value);
    const { view, severity, workspace, type, search, owner, group } = this.filter;
    return (
      (d.suppressed !== undefined) === (view === 'ignored') &&
      group === '' && // An event does not tell the group.
      fits(owner, d.owner ?? '') &&
      (statuses[view].length === 0 || statuses[view].includes(d.status)) &&
      fits(severity, d.severity) &&
      fits(workspace, d.workspace) &&
      fits(type, d.resourceType) &&
      `${d.resourceId} ${d.resourceType}`.toLowerCase().includes(search.trim().toLowerCase())
    );
  }
}

function changed(row: Drift, d: DriftData): Drift {
  const by = d.actor?.email ?? null;
  return {
    ...row,
    status: d.status,
    severity: d.severity,
    version: d.version,
    costImpactMonthly: d.costImpactMonthly,
    suppressed: d.suppressed ?? null,
    ...(d.status === 'approved' ? { approvedBy: by } : {}),
    ...(d.status === 'rejected' ? { rejectedBy: by } : {}),
  };
}
