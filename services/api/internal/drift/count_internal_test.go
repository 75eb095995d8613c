package drift

import (
	"strconv"
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/driftsentry/driftsentry/services/api/internal/cachestat"
)

func TestCounts_bounded(t *testing.T) {
	stat, err := cachestat.New(noop.NewMeterProvider().Meter(""), "x")
	if err != nil {
		t.Fatal(err)
	}
	c, account := newCounts(stat), uuid.New()
	for i := range countsKept + 10 {
		f := Filter{Search: strconv.Itoa(i)}
		c.put(account, f, "e:1", i)
		if total, ok := c.get(t.Context(), account, f, "e:1"); !ok || total != i {
			t.Fatalf("%d is not remembered: %d", i, total)
		}
	}
	if len(c.entries) > countsKept {
		t.Errorf("%d entries", len(c.entries))
	}
	if _, ok := c.get(t.Context(), account, Filter{Search: "never counted"}, ""); ok {
		t.Error("an empty page, whose head is unknown, found a count")
	}
}
