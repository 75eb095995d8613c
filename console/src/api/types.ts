// Short names for the types that openapi-typescript makes of docs/api/openapi.yaml.
import type { components, operations } from './schema';

export type Schemas = components['schemas'];
export type Drift = Schemas['Drift'];
export type DriftDetail = Schemas['DriftDetail'];
export type DriftPage = Schemas['DriftPage'];
export type Severity = Schemas['Severity'];
export type DriftStatus = Schemas['DriftStatus'];
export type Role = Schemas['Role'];
export type Event = Schemas['Event'];
export type DriftData = Schemas['DriftData'];
export type Workspace = Schemas['Workspace'];
export type WorkspaceDetail = Schemas['WorkspaceDetail'];
export type Check = Schemas['RecordedCheck'];
export type Alert = Schemas['Alert'];
export type AuditRow = Schemas['AuditRow'];
export type User = Schemas['User'];
export type ApiKey = Schemas['ApiKey'];
export type OpenSession = Schemas['OpenSession'];

type Ok = 200 | 201;

/** What an operation answers with, without its envelope. */
export type Data<Name extends keyof operations> = operations[Name] extends { responses: infer R }
  ? { [S in keyof R & Ok]: R[S] extends { content: { 'application/json': { data: infer D } } } ? D : never }[keyof R & Ok]
  : never;

export type Me = Data<'getMe'>;
export type TimelineEntry = Data<'getDriftTimeline'>[number];
