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
	keys bool          // API keys with the scope "ingest", too
}

var (
	everyone = access{open: true}
	viewer   = access{role: identity.Viewer}
	engineer = access{role: identity.Engineer}
	admin    = access{role: identity.Admin}
	ingester = access{role: identity.Engineer, keys: true}
)

// route is one line of the URL surface.
type route struct {
	method  string
	pattern string
	access  access
	handler rest.Handler
}

// prefix stands before every route's pattern.
const prefix = "/api/v1"

// routes is the whole URL surface but for health and metrics, with who may call what.
func (s *Server) routes() []route {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []route{
		{post, "/auth/login", everyone, s.login},
		{post, "/auth/refresh", everyone, s.refresh},
		{post, "/auth/logout", everyone, s.logout},
		{post, "/auth/password", everyone, s.changePassword},

		{get, "/users/me", viewer, s.me},
		{get, "/users", admin, s.listUsers},
		{post, "/users", admin, s.createUser},
		{patch, "/users/{id}", admin, s.updateUser},
		{get, "/api-keys", admin, s.listKeys},
		{post, "/api-keys", admin, s.createKey},
		{del, "/api-keys/{id}", admin, s.revokeKey},

		{post, "/ingest/plan", ingester, s.ingestPlan},

		{get, "/drifts", viewer, s.listDrifts},
		{post, "/drifts", ingester, s.createDrift},
		{get, "/drifts/{id}", viewer, s.getDrift},
		{get, "/drifts/{id}/timeline", viewer, s.driftTimeline},
		{post, "/drifts/{id}/triage", engineer, s.triageDrift},
		{post, "/drifts/{id}/approve", engineer, s.approveDrift},
		{post, "/drifts/{id}/reject", engineer, s.rejectDrift},
		{post, "/drifts/{id}/resolve", engineer, s.resolveDrift},

		{get, "/workspaces", viewer, s.listWorkspaces},

		{get, "/alerts", viewer, s.listAlerts},
		{get, "/alerts/unread-count", viewer, s.countUnreadAlerts},
		{post, "/alerts/mark-all-read", engineer, s.markAllAlertsRead},
		{post, "/alerts/{id}/mark-read", engineer, s.markAlertRead},

		{get, "/metrics/summary", viewer, s.metricsSummary},
		{get, "/metrics/cost-trend", viewer, s.costTrend},
		{get, "/metrics/severity-distribution", viewer, s.severityDistribution},
		{get, "/metrics/status-distribution", viewer, s.statusDistribution},

		{get, "/events", viewer, s.listEvents},
		{get, "/audit", admin, s.listAudit},
		{get, "/ops/errors", admin, s.recentErrors},
	}
}
