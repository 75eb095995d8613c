//go:build stack

// Package stack tests the pair beside the real observability stack: the collector, Tempo, Loki, Prometheus and
// Alertmanager as they are released, configured by the files in deploy. Their programs are looked for on the PATH and in
// bin of the folder STACK_DIR (~/.cache/stack unless set); a test that lacks one is skipped and says which.
//
//	make test-stack
package stack
