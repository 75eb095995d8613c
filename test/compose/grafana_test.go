//go:build compose

package compose

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

// grafana sends Grafana a request as its administrator, through the edge.
func (s *installation) grafana(t *testing.T, path string, into any) error {
	t.Helper()
	credentials := base64.StdEncoding.EncodeToString([]byte("admin:" + s.secret("grafana_admin_password")))
	a := get(t, http.DefaultClient, fmt.Sprintf("http://localhost:%d/grafana/api/%s", s.board, path), "Authorization", "Basic "+credentials)
	if a.status != http.StatusOK {
		return fmt.Errorf("%s: %d %s", path, a.status, a.body)
	}
	return json.Unmarshal(a.body, into)
}

// observed looks for the signals of the work, through the data sources that people use.
func (s *installation) observed(t *testing.T) {
	if !s.has("grafana") {
		t.Skip("NOT RUN: no image of Grafana")
	}
	s.worked(t)
	files, err := filepath.Glob(whole(t, "deploy", "grafana", "dashboards", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found []struct{ UID string }
	if err := s.grafana(t, "search?tag=driftsentry", &found); err != nil || len(files) == 0 || len(found) != len(files) {
		t.Errorf("%d dashboards of %d: %v", len(found), len(files), err)
	}
	eventually(t, "the trace in Tempo", func() error {
		var trace struct{ Batches []any }
		err := s.grafana(t, "datasources/proxy/uid/tempo/api/traces/"+s.trace, &trace)
		if err == nil && len(trace.Batches) < 2 { // The api's spans, and realtime's.
			return fmt.Errorf("it has %d batches", len(trace.Batches))
		}
		return err
	})
	eventually(t, "its log lines in Loki", func() error {
		var lines struct{ Data struct{ Result []any } }
		query := url.QueryEscape(fmt.Sprintf(`{service_name=~".+"} | trace_id = %q`, s.trace))
		err := s.grafana(t, "datasources/proxy/uid/loki/loki/api/v1/query_range?query="+query, &lines)
		if err == nil && len(lines.Data.Result) == 0 {
			return fmt.Errorf("there are none")
		}
		return err
	})
	eventually(t, "every target is up", func() error {
		down, err := s.count(t, `up == 0`)
		if err != nil {
			return err
		}
		up, err := s.count(t, `up == 1`)
		if err == nil && (up < 8 || len(s.left) == 0 && down > 0) {
			return fmt.Errorf("%d are up, %d down", up, down)
		}
		return err
	})
	if firing, err := s.count(t, `ALERTS{alertstate="firing", alertname!="Watchdog"}`); err != nil || len(s.left) == 0 && firing > 0 {
		t.Errorf("%d alerts fire: %v", firing, err)
	}
}

// count returns how many series a query has.
func (s *installation) count(t *testing.T, query string) (int, error) {
	t.Helper()
	var answer struct{ Data struct{ Result []any } }
	err := s.grafana(t, "datasources/proxy/uid/prometheus/api/v1/query?query="+url.QueryEscape(query), &answer)
	return len(answer.Data.Result), err
}
