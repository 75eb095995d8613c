//go:build stack

package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/driftsentry/driftsentry/testkit/otlpsink"
)

// get is the body of a response, which must be a success. Headers are name, value, name, value.
func get(ctx context.Context, address string, headers ...string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := httpClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s: %s: %.300s", address, res.Status, body)
	}
	return body, nil
}

// query gets JSON of the form that Prometheus and Loki share, and reads its data.
func query(ctx context.Context, address string, parameters url.Values, data any) error {
	body, err := get(ctx, address+"?"+parameters.Encode())
	if err != nil {
		return err
	}
	return json.Unmarshal(body, &struct{ Data any }{data})
}

// sample is one series of an instant query.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// instant evaluates an expression, which must give something.
func (s *system) instant(ctx context.Context, expression string) ([]sample, error) {
	var data struct{ Result []sample }
	if err := query(ctx, s.url("prometheus", 9090)+"/api/v1/query", url.Values{"query": {expression}}, &data); err != nil {
		return nil, err
	}
	if len(data.Result) == 0 {
		return nil, fmt.Errorf("%s: %w", expression, errEmpty)
	}
	return data.Result, nil
}

// exemplars are the trace IDs on the series of a selector, which must have some.
func (s *system) exemplars(ctx context.Context, selector string) ([]string, error) {
	var data []struct {
		Exemplars []struct{ Labels map[string]string }
	}
	now := time.Now()
	err := query(ctx, s.url("prometheus", 9090)+"/api/v1/query_exemplars", url.Values{
		"query": {selector}, "start": {now.Add(-time.Hour).Format(time.RFC3339)}, "end": {now.Add(time.Minute).Format(time.RFC3339)},
	}, &data)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, series := range data {
		for _, e := range series.Exemplars {
			if id := e.Labels["trace_id"]; id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s has no exemplar with a trace_id: %w", selector, errEmpty)
	}
	return ids, nil
}

// mostLines is how many Loki gives at once.
const mostLines = 5000

// logLine is a line that Loki has, with its labels and structured metadata.
type logLine struct {
	labels map[string]string
	at     string // nanoseconds
	text   string
}

// logs are the lines of a query, which must have some.
func (s *system) logs(ctx context.Context, logQL string) ([]logLine, error) {
	lines, err := s.logPage(ctx, url.Values{"query": {logQL}, "since": {"1h"}, "limit": {strconv.Itoa(mostLines)}})
	if err == nil && len(lines) == 0 {
		err = fmt.Errorf("%s: %w", logQL, errEmpty)
	}
	return lines, err
}

func (s *system) logPage(ctx context.Context, parameters url.Values) ([]logLine, error) {
	var data struct {
		Result []struct {
			Stream map[string]string
			Values [][2]string
		}
	}
	if err := query(ctx, s.url("loki", 3100)+"/loki/api/v1/query_range", parameters, &data); err != nil {
		return nil, err
	}
	var lines []logLine
	for _, stream := range data.Result {
		for _, v := range stream.Values {
			lines = append(lines, logLine{stream.Stream, v[0], v[1]})
		}
	}
	return lines, nil
}

// trace is what Tempo has of a trace.
func (s *system) trace(ctx context.Context, id string) (otlpsink.Trace, error) {
	body, err := get(ctx, s.url("tempo", 3200)+"/api/traces/"+id, "Accept", "application/protobuf")
	if err != nil {
		return otlpsink.Trace{}, err
	}
	// Tempo's message has the fields of an export, and a sink reads those.
	var export collectortrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &export); err != nil {
		return otlpsink.Trace{}, err
	}
	sink, err := otlpsink.Start(otlpsink.Options{})
	if err != nil {
		return otlpsink.Trace{}, err
	}
	defer sink.Close()
	conn, err := grpc.NewClient(sink.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return otlpsink.Trace{}, err
	}
	defer conn.Close()
	if _, err := collectortrace.NewTraceServiceClient(conn).Export(ctx, &export); err != nil {
		return otlpsink.Trace{}, err
	}
	trace, ok := sink.Trace(id)
	if !ok {
		return otlpsink.Trace{}, fmt.Errorf("Tempo's response for %s has no span of it", id)
	}
	return trace, nil
}
