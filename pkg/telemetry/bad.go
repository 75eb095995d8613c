// Package telemetry is bad.
package telemetry

import (
	_ "github.com/driftsentry/driftsentry/pkg/event"
)
