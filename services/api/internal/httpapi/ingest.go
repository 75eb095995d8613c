package httpapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

// ingestPlan takes a plan. One that is refused for what it is leaves a failed check.
func (s *Server) ingestPlan(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	upload := drift.Upload{
		Workspace:      requiredWorkspace(q),
		Scope:          choice(q, "scope", plan.ScopeUnstated, plan.ScopeFull, plan.ScopePartial),
		Mode:           choice(q, "mode", plan.ModeUnknown, plan.ModeRefreshOnly, plan.ModeNormal, plan.ModeDestroy),
		Refreshed:      choice(q, "refreshed", "", "true") != "",
		IncludeChanges: choice(q, "include", "", "changes") != "",
		Purpose:        choice(q, "purpose", "", drift.Record, drift.Preview),
		Source:         source(q),
	}
	if err := q.err(); err != nil { // The caller's mistake, which tells nothing about the workspace.
		return err
	}
	err := s.takePlan(w, r, upload)
	// Else a workspace would look fine whose plans never arrive.
	bad, ok := errors.AsType[*apierror.Error](err)
	if ok && slices.Contains([]apierror.Kind{apierror.Invalid, apierror.TooLarge, apierror.UnsupportedMedia}, bad.Kind) {
		s.refusePlan(r, upload, bad)
	}
	return err
}

func (s *Server) takePlan(w http.ResponseWriter, r *http.Request, upload drift.Upload) error {
	if err := rest.RequireJSON(r); err != nil {
		return err
	}
	body, err := s.uploads.open(w, r)
	if err != nil {
		return err
	}
	defer body.release()
	upload.Body, upload.Encode = body, encodeIngested
	result, err := s.drifts.Ingest(r.Context(), caller(r), upload)
	if err != nil {
		return err
	}
	rest.Encoded(w, http.StatusOK, func(b []byte) []byte { return append(b, result.Response...) })
	return nil
}

// refusePlan records that a plan was refused. That it could not be recorded does not change the response.
func (s *Server) refusePlan(r *http.Request, upload drift.Upload, why *apierror.Error) {
	if upload.Workspace == "" {
		return
	}
	reasons := []string{"the upload was refused: " + why.Message}
	if len(why.Fields) > 1 { // else the message has it
		for _, f := range why.Fields {
			reasons = append(reasons, f.Field+": "+f.Message)
		}
	}
	failure := drift.Failure{Workspace: upload.Workspace, Reason: strings.Join(reasons, "; "), Purpose: upload.Purpose, Source: upload.Source}
	if err := s.drifts.Refuse(r.Context(), caller(r), failure); err != nil {
		s.log.WarnContext(r.Context(), "a refused upload was not recorded", "error.message", err.Error())
	}
}

// ingestFailure takes note of a run that gave no plan.
func (s *Server) ingestFailure(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	failure := drift.Failure{Workspace: requiredWorkspace(q), Purpose: choice(q, "purpose", "", drift.Record, drift.Preview), Source: source(q)}
	if err := q.err(); err != nil {
		return err
	}
	var body struct {
		Reason string  `json:"reason"`
		RunURL *string `json:"runUrl"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	failure.Reason = body.Reason
	if body.RunURL != nil {
		if problem := checkRunURL(*body.RunURL); problem != "" {
			return apierror.InvalidField("runUrl", "%s", problem)
		}
		failure.Source.RunURL = *body.RunURL
	}
	check, err := s.drifts.Fail(r.Context(), caller(r), failure)
	if err != nil {
		return err
	}
	return rest.OK(w, failureBody{newCheckBody(check)})
}

// requiredWorkspace is the workspace that an upload is of; empty when it is refused.
func requiredWorkspace(q *query) string {
	name := q.workspace()
	if !q.values.Has("workspace") {
		q.refuse("workspace", "is required")
	}
	if drift.CheckWorkspaceName(name) != "" {
		return ""
	}
	return name
}
