//go:build oldclient

package oldclient

// before is the last commit before sessions, lists and access were changed for browsers and for safety.
const before = "5a15ce6905fbaf0683b16619bc7365e060182fb3"

// change is something that an old client sees to be different.
type change struct {
	seen string // as the test names it
	// entry is in CHANGELOG.md, which says what users must do, if anything.
	entry string
}

// changes are all differences that were made on purpose. One that is missing here fails the test, and so does one that is not seen any more.
var changes = []change{
	// Fields that the old client does not know, and skips.
	{"SendPlan: new field .open", "The response to an upload counts what is open in the workspace (`open`)"},
	{"GetDrift: new field .canTriage", "A drift has `canTriage`, `canResolve`, `successorId` and `traceUrl`"},
	{"GetDrift: new field .canResolve", "A drift has `canTriage`, `canResolve`, `successorId` and `traceUrl`"},
	{"GetDrift: new field .canReopen", "Decisions are taken back (`POST /drifts/{id}/reopen`)"},
	{"GetWorkspace: new field .archived", "A workspace has an `owner`, its own `staleAfter`, and can be `archived`."},
	{"UpdateWorkspace: new field .archived", "A workspace has an `owner`, its own `staleAfter`, and can be `archived`."},
	{"Workspaces: new field [0].archived", "A workspace has an `owner`, its own `staleAfter`, and can be `archived`."},
	{"Workspaces: new field [1].archived", "A workspace has an `owner`, its own `staleAfter`, and can be `archived`."},
	{"GetCheck: new field .counts.suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"GetWorkspace: new field .lastCheck.counts.suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"GetWorkspace: new field .lastGoodCheck.counts.suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"GetWorkspace: new field .suppressedDrifts", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"ListChecks: new field .items[0].counts.suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"ListChecks: new field .items[1].counts.suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"SendFailure: new field .check.counts.suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"SendPlan: new field .check.counts.suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"SeverityDistribution: new field .suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"StatusDistribution: new field .suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"Summary: new field .drifts.suppressed", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"Workspaces: new field [0].suppressedDrifts", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"Workspaces: new field [1].suppressedDrifts", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},

	// Operations that the old client has no method for.
	{"new operation GET /api/v1/auth/sessions", "`GET /auth/sessions` lists a user's own open sessions."},
	{"new operation DELETE /api/v1/auth/sessions", "`DELETE /auth/sessions` all but the present one."},
	{"new operation DELETE /api/v1/auth/sessions/{id}", "`DELETE /auth/sessions/{id}` ends one"},
	{"new operation DELETE /api/v1/users/{id}/sessions", "`DELETE /users/{id}/sessions` (admin) signs a user out everywhere."},
	{"new operation POST /api/v1/users/{id}/setup-token", "`POST /users/{id}/setup-token` (admin) makes another setup token"},
	{"new operation PATCH /api/v1/users/me", "`PATCH /users/me` changes one's own name"},
	{"new operation GET /.well-known/jwks.json", "verify them with `JWT_PUBLIC_KEY` and `GET /.well-known/jwks.json`."},
	{"new operation GET /openapi.json", "api serves its own documents: `/openapi.json` and `/asyncapi.json` for generators, and `/docs` for people."},
	{"new operation GET /asyncapi.json", "api serves its own documents: `/openapi.json` and `/asyncapi.json` for generators, and `/docs` for people."},
	{"new operation GET /docs", "api serves its own documents: `/openapi.json` and `/asyncapi.json` for generators, and `/docs` for people."},
	{"new operation GET /docs/style.css", "api serves its own documents: `/openapi.json` and `/asyncapi.json` for generators, and `/docs` for people."},
	{"new operation POST /api/v1/drifts/{id}/reopen", "Decisions are taken back (`POST /drifts/{id}/reopen`)"},
	{"new operation POST /api/v1/drifts/bulk", "Decisions are taken back (`POST /drifts/{id}/reopen`)"},
	{"new operation GET /api/v1/drifts/groups", "`GET /drifts/groups` shows drifts by what changed."},
	{"new operation GET /api/v1/drifts/export", "`GET /drifts/export` streams all drifts that pass a filter"},
	{"new operation GET /api/v1/audit/export", "`GET /audit/export` streams the audit trail"},
	{"new operation PATCH /api/v1/drifts/{id}", "Drifts have an owner (`PATCH /drifts/{id}`, the filter `owner`)"},
	{"new operation POST /api/v1/drifts/{id}/comments", "Drifts have an owner (`PATCH /drifts/{id}`, the filter `owner`)"},
	{"new operation POST /api/v1/drifts/{id}/attribution", "Drifts have an owner (`PATCH /drifts/{id}`, the filter `owner`)"},
	{"new operation GET /api/v1/auth/oidc/login", "People can [sign in with an identity provider](docs/sign-in.md)"},
	{"new operation GET /api/v1/auth/oidc/callback", "People can [sign in with an identity provider](docs/sign-in.md)"},
	{"new operation GET /api/v1/trusts", "CI can send its own OIDC token (GitHub Actions, GitLab) in the place of an API key"},
	{"new operation POST /api/v1/trusts", "CI can send its own OIDC token (GitHub Actions, GitLab) in the place of an API key"},
	{"new operation DELETE /api/v1/trusts/{id}", "CI can send its own OIDC token (GitHub Actions, GitLab) in the place of an API key"},
	{"new operation GET /api/v1/channels", "[Notifications](docs/notifications.md): channels (`/channels`, admins)"},
	{"new operation POST /api/v1/channels", "[Notifications](docs/notifications.md): channels (`/channels`, admins)"},
	{"new operation GET /api/v1/channels/{id}", "[Notifications](docs/notifications.md): channels (`/channels`, admins)"},
	{"new operation PATCH /api/v1/channels/{id}", "[Notifications](docs/notifications.md): channels (`/channels`, admins)"},
	{"new operation DELETE /api/v1/channels/{id}", "[Notifications](docs/notifications.md): channels (`/channels`, admins)"},
	{"new operation POST /api/v1/channels/{id}/test", "[Notifications](docs/notifications.md): channels (`/channels`, admins)"},
	{"new operation GET /api/v1/channels/{id}/deliveries", "[Notifications](docs/notifications.md): channels (`/channels`, admins)"},
	{"new operation POST /api/v1/channels/{id}/deliveries/{delivery}/replay", "[Notifications](docs/notifications.md): channels (`/channels`, admins)"},
	{"new operation GET /api/v1/rules", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"new operation POST /api/v1/rules", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"new operation POST /api/v1/rules/preview", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"new operation POST /api/v1/rules/reorder", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"new operation GET /api/v1/rules/{id}", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"new operation PATCH /api/v1/rules/{id}", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"new operation DELETE /api/v1/rules/{id}", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"new operation POST /api/v1/rules/{id}/accept", "[Rules](docs/rules.md) (`/api/v1/rules`) ignore noise"},
	{"new operation POST /api/v1/telemetry", "The console is part of the traces: `POST /api/v1/telemetry`"},
	{"new operation GET /api/v1/metrics/insights", "`GET /metrics/insights` and `/metrics/insights/groups`: ages of open drifts"},
	{"new operation GET /api/v1/metrics/insights/groups", "`GET /metrics/insights` and `/metrics/insights/groups`: ages of open drifts"},

	// What the same call does now. testdata/changed_test.go shows each.
	{"rows of lists have no states", "A row of `GET /api/v1/drifts` has no `expectedState` and `actualState`"},
	{"viewers mark alerts read", "Alerts are read per person, by viewers too"},
	{"an alert that another user has read is unread", "`isRead` is of the caller, and marking an alert read changes nothing for others."},
	{"a common password is refused", "A new password must not be a word, a name or a common password"},
	{"a mark of direction in a reason is refused", "Control characters and marks of the direction of writing are refused in names, reasons"},
	{"keys end with the user who made them", "**Deactivating a user revokes the API keys that the user made**"},
	{"a refresh token that was just spent works again", "A refresh token that was used less than 30 seconds ago works again"},
	{"a replay does not show a revoked key", "A stored response to an `Idempotency-Key` is not given again, but 409"},
}
