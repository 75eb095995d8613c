package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// bulkFilter is the filter of a list as a body has it.
type bulkFilter struct {
	Severity     []string `json:"severity"`
	Status       []string `json:"status"`
	Workspace    []string `json:"workspace"`
	ResourceType []string `json:"resourceType"`
	Region       []string `json:"region"`
	Origin       []string `json:"origin"`
	Provider     []string `json:"provider"`
	Owner        []string `json:"owner"`
	Group        []string `json:"group"`
	Open         *bool    `json:"open"`
	From         string   `json:"from"`
	To           string   `json:"to"`
	Suppressed   string   `json:"suppressed"`
	Search       string   `json:"search"`
}

// filter reads it as a list's parameters are read.
func (f *bulkFilter) filter() (*drift.Filter, error) {
	values := url.Values{}
	for name, list := range map[string][]string{
		"severity": f.Severity, "status": f.Status, "workspace": f.Workspace, "resourceType": f.ResourceType, "region": f.Region,
		"origin": f.Origin, "provider": f.Provider, "owner": f.Owner, "group": f.Group,
	} {
		if list != nil { // An empty list is not "any": it is refused.
			values.Set(name, strings.Join(list, ","))
		}
	}
	for name, value := range map[string]string{"from": f.From, "to": f.To, "suppressed": f.Suppressed, "search": f.Search} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if f.Open != nil {
		values.Set("open", strconv.FormatBool(*f.Open))
	}
	q := &query{values: values, known: make(map[string]bool)}
	filter := q.driftFilter()
	for i := range q.fields {
		q.fields[i].Field = "filter." + q.fields[i].Field
	}
	return &filter, q.err()
}

func (s *Server) decideDrifts(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Action        drift.Action   `json:"action"`
		Reason        string         `json:"reason"`
		Until         *time.Time     `json:"until"`
		IDs           []string       `json:"ids"`
		Versions      map[string]int `json:"versions"`
		Filter        *bulkFilter    `json:"filter"`
		ExpectedCount int            `json:"expectedCount"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	switch body.Action {
	case drift.Approve, drift.Reject, drift.Reopen:
	case drift.Triage:
		if body.Reason != "" {
			return apierror.InvalidField("reason", "is for other actions: triage has none")
		}
	default:
		return apierror.InvalidField("action", "must be one of approve, reject, reopen, triage")
	}
	if body.Until != nil && body.Action != drift.Approve {
		return apierror.InvalidField("until", "is for approvals alone")
	}
	which := drift.Selection{Versions: make(map[uuid.UUID]int, len(body.Versions)), Expected: body.ExpectedCount}
	for _, text := range body.IDs {
		id, err := parseID(text)
		if err != nil {
			return apierror.InvalidField("ids", "must be UUIDs")
		}
		which.IDs = append(which.IDs, id)
	}
	for text, version := range body.Versions {
		id, err := parseID(text)
		if err != nil {
			return apierror.InvalidField("versions", "must have UUIDs as names")
		}
		which.Versions[id] = version
	}
	if body.Filter != nil {
		var err error
		if which.Filter, err = body.Filter.filter(); err != nil {
			return err
		}
	}
	outcomes, err := s.drifts.DecideMany(r.Context(), caller(r), which, drift.Decision{Action: body.Action, Reason: body.Reason, Until: body.Until})
	if err != nil {
		return err
	}
	rest.Encoded(w, http.StatusOK, func(b []byte) []byte { return appendOutcomes(b, outcomes) })
	return nil
}

// appendOutcomes appends how many drifts were decided, and the result of each.
func appendOutcomes(b []byte, outcomes []drift.Outcome) []byte {
	decided := 0
	for _, o := range outcomes {
		if o.Err == nil {
			decided++
		}
	}
	b = strconv.AppendInt(append(b, `{"decided":`...), int64(decided), 10)
	b = append(b, `,"results":[`...)
	for i, o := range outcomes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendID(append(b, `{"id":`...), o.ID)
		b = strconv.AppendBool(append(b, `,"decided":`...), o.Err == nil)
		if o.Drift == nil {
			b = append(b, `,"status":null,"version":null`...)
		} else {
			b = appendText(b, `,"status":`, o.Drift.Status)
			b = strconv.AppendInt(append(b, `,"version":`...), int64(o.Drift.Version), 10)
		}
		if o.Err == nil {
			b = append(b, `,"error":null}`...)
			continue
		}
		e := apierror.From(o.Err)
		b = appendText(b, `,"error":{"code":`, e.Kind.Code())
		b = append(appendText(b, `,"message":`, e.Message), `}}`...)
	}
	return append(b, `]}`...)
}
