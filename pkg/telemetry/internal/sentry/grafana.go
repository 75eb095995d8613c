package sentry

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	sdk "github.com/getsentry/sentry-go"
)

// grafana is the address under which people reach Grafana; empty when unknown.
type grafana string

// Around an event, what is looked at: a trace may have begun long before.
const lookAround = 30 * time.Minute

// links lead from an event to its trace and to the log lines of that trace, in
// the data sources that deploy/grafana provisions.
func (g grafana) links(traceID string, at time.Time) sdk.Context {
	if g == "" || traceID == "" {
		return nil
	}
	return sdk.Context{
		"trace": g.explore("tempo", at, map[string]any{"queryType": "traceql", "query": traceID}),
		"logs":  g.explore("loki", at, map[string]any{"expr": `{service_name=~".+"} | trace_id = "` + traceID + `"`}),
	}
}

// explore is the address of Grafana's Explore with one query.
// https://grafana.com/docs/grafana/latest/explore/get-started-with-explore/
func (g grafana) explore(datasource string, at time.Time, query map[string]any) string {
	query["refId"] = "A"
	query["datasource"] = map[string]string{"type": datasource, "uid": datasource}
	panes, err := json.Marshal(map[string]any{"a": map[string]any{
		"datasource": datasource,
		"queries":    []any{query},
		"range":      map[string]string{"from": millis(at.Add(-lookAround)), "to": millis(at.Add(lookAround))},
	}})
	if err != nil {
		return "" // Strings only: this can't fail.
	}
	return string(g) + "/explore?" + url.Values{"schemaVersion": {"1"}, "orgId": {"1"}, "panes": {string(panes)}}.Encode()
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
