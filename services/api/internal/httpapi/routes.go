package httpapi

import (
	"net/http"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
)

// access says who may call a route.
type access struct {
	open bool          // everyone, signed in or not
	role identity.Role // users with this role or a higher one
	keys bool          // API keys with the scope "ingest", too, and tokens of CI that a trust is in
	// recent asks for a sign-in within Options.RecentSignIn: what a stolen session must not do.
	recent bool
}

// recently is the same access, for those who have signed in a short time ago.
func (a access) recently() access {
	a.recent = true
	return a
}

var (
	everyone = access{open: true}
	viewer   = access{role: identity.Viewer}
	engineer = access{role: identity.Engineer}
	admin    = access{role: identity.Admin}
	ingester = access{role: identity.Engineer, keys: true}
)

// input says whether a route reads query parameters. A route with parameters rejects unknown ones; a plain route rejects all.
type input bool

const (
	plain      input = false
	parameters input = true
)

// route is one line of the URL surface.
type route struct {
	method  string
	pattern string
	access  access
	handler rest.Handler
	input   input
}

// prefix stands before every route's pattern.
const prefix = "/api/v1"

// routes is the whole URL surface except for health and metrics, with who may call what.
func (s *Server) routes() []route {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{post, "/auth/login", everyone, s.login, plain},
		{post, "/auth/refresh", everyone, s.refresh, plain},
		{post, "/auth/logout", everyone, s.logout, plain},
		{post, "/auth/password", everyone, s.changePassword, plain},
		{get, "/auth/oidc/login", everyone, s.beginSignIn, parameters},
		{get, "/auth/oidc/callback", everyone, s.finishSignIn, parameters},

		{get, "/auth/sessions", viewer, s.listSessions, parameters},
		{del, "/auth/sessions", viewer.recently(), s.endOtherSessions, plain},
		{del, "/auth/sessions/{id}", viewer.recently(), s.endSession, plain},

		{get, "/users/me", viewer, s.me, plain},
		{patch, "/users/me", viewer, s.updateMe, plain},
		{get, "/users", admin, s.listUsers, parameters},
		{post, "/users", admin.recently(), s.createUser, plain},
		{patch, "/users/{id}", admin.recently(), s.updateUser, plain},
		{post, "/users/{id}/setup-token", admin.recently(), s.issueSetup, plain},
		{del, "/users/{id}/sessions", admin, s.endUserSessions, plain},
		{get, "/api-keys", admin, s.listKeys, parameters},
		{post, "/api-keys", admin.recently(), s.createKey, plain},
		{del, "/api-keys/{id}", admin, s.revokeKey, plain},

		{get, "/trusts", admin, s.listTrusts, parameters},
		{post, "/trusts", admin.recently(), s.createTrust, plain},
		{del, "/trusts/{id}", admin, s.deleteTrust, plain},

		{post, "/ingest/plan", ingester, s.ingestPlan, parameters},
		{post, "/ingest/failure", ingester, s.ingestFailure, parameters},

		{get, "/drifts", viewer, s.conditional(s.listDrifts), parameters},
		{post, "/drifts", ingester, s.createDrift, plain},
		{get, "/drifts/groups", viewer, s.conditional(s.groupDrifts), parameters},
		{get, "/drifts/export", viewer, s.exportDrifts, parameters},
		{post, "/drifts/bulk", engineer, s.decideDrifts, plain},
		{get, "/drifts/{id}", viewer, s.conditional(s.getDrift), plain},
		{patch, "/drifts/{id}", engineer, s.updateDrift, plain},
		{get, "/drifts/{id}/timeline", viewer, s.driftTimeline, parameters},
		{post, "/drifts/{id}/triage", engineer, s.triageDrift, plain},
		{post, "/drifts/{id}/approve", engineer, s.approveDrift, plain},
		{post, "/drifts/{id}/reject", engineer, s.rejectDrift, plain},
		{post, "/drifts/{id}/resolve", engineer, s.resolveDrift, plain},
		{post, "/drifts/{id}/reopen", engineer, s.reopenDrift, plain},
		{post, "/drifts/{id}/comments", engineer, s.commentDrift, plain},
		{post, "/drifts/{id}/attribution", ingester, s.attributeDrift, plain},

		{get, "/rules", viewer, s.listRules, parameters},
		{post, "/rules", engineer, s.createRule, plain},
		{post, "/rules/preview", engineer, s.previewRule, plain},
		{post, "/rules/reorder", admin, s.reorderRules, plain},
		{get, "/rules/{id}", viewer, s.getRule, plain},
		{patch, "/rules/{id}", admin, s.updateRule, plain},
		{post, "/rules/{id}/accept", admin, s.acceptRule, plain},
		{del, "/rules/{id}", admin, s.endRule, plain},

		{get, "/workspaces", viewer, s.listWorkspaces, parameters},
		{get, "/workspaces/{name}", viewer, s.getWorkspace, plain},
		{patch, "/workspaces/{name}", engineer, s.updateWorkspace, plain},
		{get, "/checks", viewer, s.conditional(s.listChecks), parameters},
		{get, "/checks/{id}", viewer, s.conditional(s.getCheck), plain},

		{get, "/alerts", viewer, s.conditional(s.listAlerts), parameters},
		{get, "/alerts/unread-count", viewer, s.countUnreadAlerts, plain},
		{get, "/alerts/{id}", viewer, s.conditional(s.getAlert), plain},
		{post, "/alerts/mark-all-read", viewer, s.markAllAlertsRead, plain},
		{post, "/alerts/{id}/mark-read", viewer, s.markAlertRead, plain},

		{get, "/metrics/summary", viewer, s.metricsSummary, parameters},
		{get, "/metrics/cost-trend", viewer, s.costTrend, parameters},
		{get, "/metrics/severity-distribution", viewer, s.severityDistribution, parameters},
		{get, "/metrics/status-distribution", viewer, s.statusDistribution, parameters},
		{get, "/metrics/insights", viewer, s.insights, parameters},
		{get, "/metrics/insights/groups", viewer, s.insightGroups, parameters},

		{get, "/channels", admin, s.listChannels, parameters},
		{post, "/channels", admin.recently(), s.createChannel, plain},
		{get, "/channels/{id}", admin, s.getChannel, plain},
		{patch, "/channels/{id}", admin.recently(), s.updateChannel, plain},
		{del, "/channels/{id}", admin, s.deleteChannel, plain},
		{post, "/channels/{id}/test", admin, s.testChannel, plain},
		{get, "/channels/{id}/deliveries", admin, s.listDeliveries, parameters},
		{post, "/channels/{id}/deliveries/{delivery}/replay", admin, s.replayDelivery, plain},

		{get, "/events", viewer, s.listEvents, parameters},
		{get, "/audit", admin, s.listAudit, parameters},
		{get, "/audit/export", admin, s.exportAudit, parameters},
		{get, "/ops/errors", admin, s.recentErrors, plain},

		{post, "/telemetry", viewer, s.takeTelemetry, plain},
	}
}
