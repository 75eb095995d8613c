package observability

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/test/internal/shipped"
)

// labelsByMetric is every metric that a query may use, with the labels that it may have.
type labelsByMetric map[string][]string

// known is what the services emit by docs/telemetry.md, what the backends emit, and what the rules record.
func known(t *testing.T) labelsByMetric {
	t.Helper()
	all := maps.Clone(backends)
	maps.Copy(all, services(t))
	for _, g := range shipped.Groups(t) {
		for _, r := range g.Rules {
			if r.Record != "" {
				all[r.Record] = slices.Collect(maps.Keys(r.Labels))
			}
		}
	}
	return all
}

var backticked = regexp.MustCompile("`([^`]+)`")

// services reads the metrics' tables of docs/telemetry.md.
func services(t *testing.T) labelsByMetric {
	t.Helper()
	_, section, found := strings.Cut(shipped.Text(t, "../../../docs/telemetry.md"), "\n## Metrics\n")
	if !found {
		t.Fatal("docs/telemetry.md has no section Metrics")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	metrics := labelsByMetric{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		name := strings.Trim(strings.TrimSpace(cells[1]), "`")
		labels := []string{"job", "instance"}
		for _, m := range backticked.FindAllStringSubmatch(cells[4], -1) {
			labels = append(labels, m[1])
		}
		labels = append(labels, onFault(name)...)
		if strings.TrimSpace(cells[2]) == "histogram" {
			metrics[name+"_count"], metrics[name+"_sum"] = labels, labels
			metrics[name+"_bucket"] = append(slices.Clone(labels), "le")
			continue
		}
		metrics[name] = labels
	}
	if len(metrics) == 0 {
		t.Fatal("docs/telemetry.md lists no metric")
	}
	return metrics
}

// onFault are labels that the SDK sets only when it drops something or can't keep apart all series.
func onFault(metric string) []string {
	labels := []string{"otel_metric_overflow"}
	if strings.HasPrefix(metric, "otel_sdk_") {
		labels = append(labels, "error_type")
	}
	return labels
}

// backends are the metrics of others that rules and dashboards use. test-stack asks the real programs for them.
var backends = labelsByMetric{
	"up": target("probe", "site"), "ALERTS": {"alertname", "alertstate", "severity", "service", "layer", "slo"},
	"scrape_samples_post_metric_relabeling": target(), "prometheus_sd_discovered_targets": target("config"),

	"otelcol_receiver_accepted_spans_total":                                  target("receiver"),
	"otelcol_receiver_accepted_log_records_total":                            target("receiver"),
	"otelcol_receiver_refused_spans_total":                                   target("receiver"),
	"otelcol_receiver_refused_log_records_total":                             target("receiver"),
	"otelcol_receiver_failed_spans_total":                                    target("receiver"),
	"otelcol_receiver_failed_log_records_total":                              target("receiver"),
	"otelcol_exporter_sent_spans_total":                                      target("exporter"),
	"otelcol_exporter_sent_log_records_total":                                target("exporter"),
	"otelcol_exporter_send_failed_spans_total":                               target("exporter"),
	"otelcol_exporter_send_failed_log_records_total":                         target("exporter"),
	"otelcol_exporter_enqueue_failed_spans_total":                            target("exporter"),
	"otelcol_exporter_enqueue_failed_log_records_total":                      target("exporter"),
	"otelcol_exporter_queue_size":                                            target("exporter", "data_type"),
	"otelcol_exporter_queue_capacity":                                        target("exporter", "data_type"),
	"otelcol_process_memory_rss_bytes":                                       target(),
	"otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total": target(),
	"otelcol_processor_tail_sampling_traces_dropped_too_large_total":         target(),
	"tempo_distributor_spans_received_total":                                 target("tenant"),
	"tempo_discarded_spans_total":                                            target("reason", "tenant"),
	"loki_distributor_lines_received_total":                                  target("tenant"),
	"loki_discarded_samples_total":                                           target("reason", "tenant"),
	"prometheus_tsdb_head_series":                                            target(),
	"prometheus_rule_evaluation_failures_total":                              target("rule_group"),
	"prometheus_rule_group_last_duration_seconds":                            target("rule_group"),
	"prometheus_notifications_dropped_total":                                 target(),
	"alertmanager_notifications_total":                                       target("integration"),
	"alertmanager_notifications_failed_total":                                target("integration", "reason"),
	"system_filesystem_utilization_ratio":                                    target("mountpoint", "device"),
	"system_filesystem_usage_bytes":                                          target("mountpoint", "device", "state"),
	"system_cpu_time_seconds_total":                                          target("cpu", "state"),
	"system_memory_utilization_ratio":                                        target("state"),
	"postgresql_backends":                                                    target("postgresql_database_name"),
	"postgresql_connection_max":                                              target(),
	"postgresql_commits_total":                                               target("postgresql_database_name"),
	"postgresql_rollbacks_total":                                             target("postgresql_database_name"),
	"postgresql_db_size_bytes":                                               target("postgresql_database_name"),
	"postgresql_operations_total":                                            target("operation", "postgresql_table_name"),
	"postgresql_blocks_read_total":                                           target("source", "postgresql_table_name"),
	"postgresql_table_size_bytes":                                            target("postgresql_table_name"),
	"pg_up":                                                                  target(),
	"pg_database_wraparound_age_datfrozenxid_seconds":                        target("datname"),
	"pg_long_running_transactions_oldest_timestamp_seconds":                  target(),
	"pg_stat_archiver_failed_count":                                          target(),
	"driftsentry_backup_last_success_timestamp_seconds":                      target(),
	"driftsentry_backup_last_verified_timestamp_seconds":                     target(),
	"driftsentry_restore_drill_last_success_timestamp_seconds":               target(),
	"node_filesystem_avail_bytes":                                            target("device", "fstype", "mountpoint"),
	"node_filesystem_size_bytes":                                             target("device", "fstype", "mountpoint"),
	"node_filesystem_files":                                                  target("device", "fstype", "mountpoint"),
	"node_filesystem_files_free":                                             target("device", "fstype", "mountpoint"),
	"node_vmstat_oom_kill":                                                   target(),
	"node_timex_sync_status":                                                 target(),
	"node_timex_maxerror_seconds":                                            target(),
	"node_load1":                                                             target(),
	"node_memory_MemAvailable_bytes":                                         target(),
	"node_memory_MemTotal_bytes":                                             target(),
	"probe_success":                                                          target("probe"),
	"probe_duration_seconds":                                                 target("probe"),
	"probe_ssl_earliest_cert_expiry":                                         target("probe"),
	"caddy_http_request_duration_seconds_count":                              target("server", "handler", "site", "code", "method"),
	"caddy_http_response_duration_seconds_count":                             target("server", "handler", "site", "code", "method"),
	"caddy_http_response_duration_seconds_bucket":                            target("server", "handler", "site", "code", "method", "le"),
	"caddy_config_last_reload_successful":                                    target(),
	"prometheus_config_last_reload_successful":                               target(),
	"alertmanager_config_last_reload_successful":                             target(),
	"prometheus_tsdb_lowest_timestamp_seconds":                               target(),
	"prometheus_tsdb_size_retentions_total":                                  target(),
	"go_memstats_heap_alloc_bytes":                                           target(),
	"go_gc_gomemlimit_bytes":                                                 target(),
	// Only where GOMEMLIMIT is set.
	"go_memory_limit_bytes":             target(),
	"traces_spanmetrics_calls_total":    {"service", "span_name", "span_kind", "status_code"},
	"traces_spanmetrics_latency_bucket": {"service", "span_name", "span_kind", "status_code", "le"},
}

func target(more ...string) []string { return append([]string{"job", "instance"}, more...) }
