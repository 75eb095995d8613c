package otlpsink

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Flags of a span beyond those of W3C, as OTLP defines them: whether the sender knows where the parent was, and that
// it was remote.
const (
	flagSampled      = uint32(1)
	flagRemoteParent = uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
)

func spansOf(r *collectortrace.ExportTraceServiceRequest) []Span {
	var spans []Span
	for _, rs := range r.GetResourceSpans() {
		resource := attributesOf(rs.GetResource().GetAttributes())
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				spans = append(spans, Span{
					TraceID: hex.EncodeToString(s.GetTraceId()), SpanID: hex.EncodeToString(s.GetSpanId()),
					ParentID: hex.EncodeToString(s.GetParentSpanId()),
					Name:     s.GetName(), Kind: kindOf(s.GetKind()),
					Service: serviceOf(resource), Scope: ss.GetScope().GetName(),
					Start: timeOf(s.GetStartTimeUnixNano()), End: timeOf(s.GetEndTimeUnixNano()),
					Status: statusOf(s.GetStatus()), StatusMessage: s.GetStatus().GetMessage(),
					Attributes: attributesOf(s.GetAttributes()), Resource: resource,
					Links: linksOf(s.GetLinks()), Events: eventsOf(s.GetEvents()),
					RemoteParent: s.GetFlags()&flagRemoteParent != 0, Sampled: s.GetFlags()&flagSampled != 0,
					TraceState: s.GetTraceState(),
				})
			}
		}
	}
	return spans
}

func logsOf(r *collectorlogs.ExportLogsServiceRequest) []Log {
	var logs []Log
	for _, rl := range r.GetResourceLogs() {
		resource := attributesOf(rl.GetResource().GetAttributes())
		for _, sl := range rl.GetScopeLogs() {
			for _, l := range sl.GetLogRecords() {
				at := l.GetTimeUnixNano()
				if at == 0 {
					at = l.GetObservedTimeUnixNano()
				}
				logs = append(logs, Log{
					TraceID: hex.EncodeToString(l.GetTraceId()), SpanID: hex.EncodeToString(l.GetSpanId()),
					Time: timeOf(at), Severity: l.GetSeverityText(), SeverityNumber: int(l.GetSeverityNumber()),
					Body: textOf(l.GetBody()), Attributes: attributesOf(l.GetAttributes()), Resource: resource,
					Service: serviceOf(resource), Scope: sl.GetScope().GetName(),
				})
			}
		}
	}
	return logs
}

func metricsIn(r *collectormetrics.ExportMetricsServiceRequest) int {
	n := 0
	for _, rm := range r.GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			n += len(sm.GetMetrics())
		}
	}
	return n
}

func linksOf(links []*tracepb.Span_Link) []Link {
	var out []Link
	for _, l := range links {
		out = append(out, Link{
			TraceID: hex.EncodeToString(l.GetTraceId()), SpanID: hex.EncodeToString(l.GetSpanId()),
			Attributes: attributesOf(l.GetAttributes()),
		})
	}
	return out
}

func eventsOf(events []*tracepb.Span_Event) []Event {
	var out []Event
	for _, e := range events {
		out = append(out, Event{Time: timeOf(e.GetTimeUnixNano()), Name: e.GetName(), Attributes: attributesOf(e.GetAttributes())})
	}
	return out
}

func attributesOf(kvs []*common.KeyValue) map[string]any {
	attributes := make(map[string]any, len(kvs))
	for _, kv := range kvs {
		attributes[kv.GetKey()] = valueOf(kv.GetValue())
	}
	return attributes
}

// valueOf turns a value into string, bool, int64, float64, []byte, []any, map[string]any or nil.
func valueOf(v *common.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_DoubleValue:
		return v.DoubleValue
	case *common.AnyValue_BytesValue:
		return v.BytesValue
	case *common.AnyValue_ArrayValue:
		list := make([]any, 0, len(v.ArrayValue.GetValues()))
		for _, item := range v.ArrayValue.GetValues() {
			list = append(list, valueOf(item))
		}
		return list
	case *common.AnyValue_KvlistValue:
		return attributesOf(v.KvlistValue.GetValues())
	default:
		return nil
	}
}

func textOf(v *common.AnyValue) string {
	if v := valueOf(v); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func serviceOf(resource map[string]any) string {
	name, _ := resource["service.name"].(string)
	return name
}

func kindOf(k tracepb.Span_SpanKind) Kind {
	if k == tracepb.Span_SPAN_KIND_UNSPECIFIED {
		return KindInternal
	}
	return Kind(strings.ToLower(strings.TrimPrefix(k.String(), "SPAN_KIND_")))
}

func statusOf(s *tracepb.Status) Status {
	switch s.GetCode() {
	case tracepb.Status_STATUS_CODE_OK:
		return StatusOK
	case tracepb.Status_STATUS_CODE_ERROR:
		return StatusError
	default:
		return StatusUnset
	}
}

func timeOf(nanos uint64) time.Time {
	return time.Unix(0, int64(nanos)).UTC() //nolint:gosec // it fits until the year 2262
}
