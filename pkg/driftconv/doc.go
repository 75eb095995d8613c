// Package driftconv has DriftSentry's own conventions, as OpenTelemetry's
// semconv packages have the general ones: what the instruments are called and
// mean. It is generated from docs/telemetry/registry.
package driftconv
