package httpapi

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// appendDrift appends a drift. The states are copied as they are: decoding them to encode them again would cost more than
// everything else in a list.
func appendDrift(b []byte, d *drift.Drift) []byte {
	return append(appendFields(append(b, '{'), d), '}')
}

// appendDetail appends the detail: the drift's fields and its own, and what the caller may do with it.
func (s *Server) appendDetail(b []byte, d *drift.Detail, mayDecide bool) []byte {
	b = appendFields(append(b, '{'), &d.Drift)
	b = strconv.AppendInt(append(b, `,"alertCount":`...), int64(d.AlertCount), 10)
	b = strconv.AppendBool(append(b, `,"canTriage":`...), mayDecide && d.Can(drift.Triage))
	b = strconv.AppendBool(append(b, `,"canApprove":`...), mayDecide && d.Can(drift.Approve))
	b = strconv.AppendBool(append(b, `,"canReject":`...), mayDecide && d.Can(drift.Reject))
	b = strconv.AppendBool(append(b, `,"canResolve":`...), mayDecide && d.Can(drift.Resolve))
	b = strconv.AppendBool(append(b, `,"canReopen":`...), mayDecide && d.Can(drift.Reopen))
	b = appendAttribution(append(b, `,"attribution":`...), d.Attribution)
	b = appendOptionalID(b, `,"successorId":`, d.SuccessorID)
	b = appendOptional(b, `,"ref":`, optionalText(d.Source.Ref))
	b = appendOptional(b, `,"commit":`, optionalText(d.Source.Commit))
	b = appendOptional(b, `,"runUrl":`, optionalText(d.Source.RunURL))
	b = appendOptional(b, `,"triggeredBy":`, optionalText(d.Source.TriggeredBy))
	b = appendOptional(b, `,"traceUrl":`, s.traceURL(d.TraceID))
	return append(b, '}')
}

func appendAttribution(b []byte, a *drift.Attribution) []byte {
	if a == nil {
		return append(b, "null"...)
	}
	b = appendText(b, `{"changedBy":`, a.By)
	b = appendTime(b, `,"changedAt":`, &a.At)
	b = appendText(b, `,"source":`, a.Source)
	return append(appendOptional(b, `,"url":`, optionalText(a.URL)), '}')
}

// traceURL is where people look at a trace; nil when there is no such place, or no trace.
func (s *Server) traceURL(id string) *string {
	if s.options.TraceURL == "" || id == "" {
		return nil
	}
	u := strings.ReplaceAll(s.options.TraceURL, "{traceId}", id)
	return &u
}

// shownTogether is for the states and differences of the drifts in the response to an upload.
const shownTogether = 3 << 20

// appendDrifts appends drifts. Those for whose states there is no room come without.
func appendDrifts(b []byte, drifts []*drift.Drift) []byte {
	b = append(b, '[')
	left := shownTogether
	for i, d := range drifts {
		if i > 0 {
			b = append(b, ',')
		}
		if left -= len(d.ExpectedState) + len(d.ActualState) + len(d.Difference); left < 0 {
			cut := *d
			cut.ExpectedState, cut.ActualState, cut.StatesCut, cut.Difference, cut.DifferenceCut = nil, nil, true, []byte("{}"), true
			d = &cut
		}
		b = appendDrift(b, d)
	}
	return append(b, ']')
}

func writeDrift(w http.ResponseWriter, status int, d *drift.Drift) {
	rest.Encoded(w, status, func(b []byte) []byte { return appendDrift(b, d) })
}

func appendFields(b []byte, d *drift.Drift) []byte {
	b = appendID(append(b, `"id":`...), d.ID)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(d.Version), 10)
	b = appendText(b, `,"workspace":`, d.Workspace)
	b = appendText(b, `,"resourceId":`, d.ResourceID)
	b = appendText(b, `,"resourceType":`, d.ResourceType)
	b = appendText(b, `,"provider":`, d.Provider)
	b = appendText(b, `,"region":`, d.Region)
	b = appendText(b, `,"origin":`, d.Origin)
	b = appendOptional(b, `,"plannedAction":`, d.PlannedAction)
	if d.ExpectedState != nil {
		b = append(append(b, `,"expectedState":`...), d.ExpectedState...)
		b = append(append(b, `,"actualState":`...), d.ActualState...)
	}
	if d.StatesCut {
		b = append(b, `,"statesTruncated":true`...)
	}
	b = append(append(b, `,"difference":`...), d.Difference...)
	if d.DifferenceCut {
		b = append(b, `,"differenceTruncated":true`...)
	}
	b = appendText(b, `,"severity":`, d.Severity)
	b = appendOptional(b, `,"defaultSeverity":`, d.DefaultSeverity)
	b = appendOptionalID(b, `,"severityRule":`, d.SeverityBy)
	b = appendSuppressed(b, d)
	b = appendOptional(b, `,"owner":`, d.Owner)
	b = appendOptional(b, `,"ownerBy":`, d.OwnerBy)
	b = appendText(b, `,"status":`, d.Status)
	b = strconv.AppendFloat(append(b, `,"costImpactMonthly":`...), d.CostImpactMonthly, 'f', -1, 64)
	b = appendText(b, `,"detectedBy":`, d.DetectedBy)
	b = appendTime(b, `,"detectedAt":`, &d.DetectedAt)
	b = appendTime(b, `,"firstSeenAt":`, &d.FirstSeenAt)
	b = appendTime(b, `,"lastSeenAt":`, &d.LastSeenAt)
	b = strconv.AppendInt(append(b, `,"occurrences":`...), int64(d.Occurrences), 10)
	b = appendTime(b, `,"approvedAt":`, d.ApprovedAt)
	b = appendOptional(b, `,"approvedBy":`, d.ApprovedBy)
	b = appendOptional(b, `,"approvalReason":`, d.ApprovalReason)
	b = appendTime(b, `,"approvedUntil":`, d.ApprovedUntil)
	b = appendTime(b, `,"rejectedAt":`, d.RejectedAt)
	b = appendOptional(b, `,"rejectedBy":`, d.RejectedBy)
	b = appendOptional(b, `,"rejectionReason":`, d.RejectionReason)
	b = appendTime(b, `,"resolvedAt":`, d.ResolvedAt)
	b = appendOptional(b, `,"resolvedHow":`, d.ResolvedHow)
	b = appendOptional(b, `,"resolvedBasis":`, resolvedBasis(d))
	b = appendOptionalID(b, `,"checkId":`, d.CheckID)
	b = appendOptionalID(b, `,"previousId":`, d.PreviousID)
	b = appendTime(b, `,"createdAt":`, &d.CreatedAt)
	return appendTime(b, `,"updatedAt":`, &d.UpdatedAt)
}

// appendSuppressed appends which rule ignores all of the drift, why and until when; null when none does.
func appendSuppressed(b []byte, d *drift.Drift) []byte {
	b = append(b, `,"suppressed":`...)
	if !d.IsSuppressed() {
		return append(b, "null"...)
	}
	b = appendID(append(b, `{"rule":`...), *d.SuppressedBy)
	b = appendOptional(b, `,"reason":`, d.SuppressedReason)
	return append(appendTime(b, `,"until":`, d.SuppressedUntil), '}')
}

// resolvedBasis is what the drift's resolvedHow is based on. Earlier versions used the decision and did not say so.
func resolvedBasis(d *drift.Drift) *drift.ResolvedBasis {
	if d.ResolvedHow != nil && d.ResolvedBasis == nil {
		return new(drift.ByDecision)
	}
	return d.ResolvedBasis
}

// appendText appends a member of an object. Stored text is valid UTF-8, so that quoting can't fail.
func appendText[T ~string](b []byte, name string, value T) []byte {
	b, _ = jsontext.AppendQuote(append(b, name...), string(value))
	return b
}

func appendOptional[T ~string](b []byte, name string, value *T) []byte {
	if value == nil {
		return append(append(b, name...), "null"...)
	}
	return appendText(b, name, *value)
}

func appendID(b []byte, id uuid.UUID) []byte {
	b = append(b, '"')
	b = append(hex.AppendEncode(b, id[:4]), '-')
	b = append(hex.AppendEncode(b, id[4:6]), '-')
	b = append(hex.AppendEncode(b, id[6:8]), '-')
	b = append(hex.AppendEncode(b, id[8:10]), '-')
	return append(hex.AppendEncode(b, id[10:]), '"')
}

func appendOptionalID(b []byte, name string, id *uuid.UUID) []byte {
	b = append(b, name...)
	if id == nil {
		return append(b, "null"...)
	}
	return appendID(b, *id)
}

func appendTime(b []byte, name string, t *time.Time) []byte {
	b = append(b, name...)
	if t == nil {
		return append(b, "null"...)
	}
	return event.AppendTime(b, *t)
}
