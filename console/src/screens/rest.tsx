export { Workspaces, WorkspaceScreen } from './workspaces';
export { Checks, CheckScreen } from './checks';
export { Alerts } from './alerts';
export { Audit } from './audit';
export { Settings } from './settings';
export { Trace } from './trace';
export { Groups } from './groups';
