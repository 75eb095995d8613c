// Package cut ends what hangs in an exporter. Exporters wait for a receiver that
// does not respond, whatever the context of their shutdown says.
package cut

import (
	"context"
	"errors"
)

// Err is the error of an export that was cut off.
var Err = errors.New("telemetry was shut down")

// With is a context that ends with ctx, and with Err as its cause when end is
// done. The caller calls release when the work is done.
func With(ctx, end context.Context) (cuttable context.Context, release func()) {
	cuttable, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(end, func() { cancel(Err) })
	return cuttable, func() { stop(); cancel(nil) }
}
