// What a program does with the generated types. It only has to compile: each line fails when a type is not what it should be.
import createClient from 'openapi-fetch';
import type { components, operations, paths } from './generated/api';

type Schemas = components['schemas'];
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** is holds for types that are the same, so that neither any nor unknown passes. */
function is<A, B>(_: Equal<A, B>): void {}

// The data of every success has a type.
type Body<R> = R extends { content: { 'application/json': infer B } } ? B : never;
type Success<O> = O extends { responses: infer R } ? Body<R extends { 200: infer A } ? A : R extends { 201: infer B } ? B : never> : never;
type Data<O> = [Success<O>] extends [never] ? 'none' : Success<O> extends { data: infer D } ? D : 'none';
type Unknown<T> = unknown extends T ? true : false;
type Untyped = { [K in keyof operations]: Unknown<Data<operations[K]>> extends true ? K : never }[keyof operations];
is<Untyped, never>(true);
is<Data<operations['login']>['user']['role'], 'viewer' | 'engineer' | 'admin'>(true);
is<Data<operations['logout']>, { endSessionUrl: string } | null>(true);
is<Data<operations['getDrift']>['canApprove'], boolean>(true);
is<NonNullable<Data<operations['getDrift']>['expectedState']>, { [key: string]: unknown }>(true);
is<Data<operations['listDrifts']>['items'][number], Schemas['Drift']>(true);
is<Data<operations['listDrifts']>['pagination']['hasMore'], boolean>(true);
is<Data<operations['getCheck']>['ref'], string | null>(true);
is<Data<operations['getReadiness']>, 'none'>(true);
is<Success<operations['getReadiness']>['status'], 'ready'>(true);

// An event is told by its type, which is all that TypeScript needs to know its data.
export function title(e: Schemas['Event']): string {
  switch (e.type) {
    case 'drift.created':
    case 'drift.updated':
    case 'drift.triaged':
    case 'drift.approved':
    case 'drift.rejected':
    case 'drift.reopened':
    case 'drift.resolved':
    case 'drift.expired':
    case 'drift.commented':
    case 'drift.assigned':
    case 'drift.suppressed':
    case 'drift.surfaced':
      is<typeof e.data, Schemas['DriftData']>(true);
      return `${e.data.resourceId} is ${e.data.status}`;
    case 'alert.created':
      return e.data.title;
    case 'alert.read':
      return `${e.data.count} read`;
    case 'check.completed':
      return `${e.data.workspace}: ${e.data.counts.new} new`;
    case 'workspace.updated':
      return e.data.recordRef ?? 'any ref';
    case 'workspace.stale':
      return `no check of ${e.data.name} since ${e.data.lastCheckAt}`;
    case 'channel.failed':
      return `${e.data.name}: ${e.data.reason}`;
    case 'rule.created':
    case 'rule.updated':
    case 'rule.ended':
      return `${e.data.effect}: ${e.data.reason}`;
    default: {
      // A type without a case does not compile.
      const none: never = e;
      return none;
    }
  }
}

const api = createClient<paths>({ baseUrl: 'https://driftsentry.example.com' });

export async function approve(id: string, version: number): Promise<Schemas['Drift']> {
  const { data, error } = await api.POST('/api/v1/drifts/{id}/approve', {
    params: { path: { id } },
    body: { reason: 'agreed with the network team', version },
  });
  if (error) {
    const e = error.error;
    if (e.code === 'VALIDATION_ERROR') {
      throw new Error(e.details?.errors.map((f) => `${f.field}: ${f.message}`).join(', '));
    }
    throw new Error(`${e.code} ${e.message} (trace ${e.traceId})`);
  }
  is<typeof data.success, true>(true);
  return data.data;
}

export async function send(plan: Schemas['Plan']): Promise<number> {
  const { data } = await api.POST('/api/v1/ingest/plan', { params: { query: { workspace: 'network-prod', scope: 'full' } }, body: plan });
  return data?.data.check.counts.new ?? 0;
}

export function wrong(): void {
  // @ts-expect-error There is no such status.
  void api.GET('/api/v1/drifts', { params: { query: { status: 'open' } } });
  // @ts-expect-error A decision needs a reason.
  void api.POST('/api/v1/drifts/{id}/approve', { params: { path: { id: '1' } }, body: {} });
  // @ts-expect-error A plan says which format it has.
  void send({ resource_drift: [] });
}
