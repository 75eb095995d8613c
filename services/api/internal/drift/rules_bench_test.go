package drift_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/services/api/internal/rule"
)

// BenchmarkIngest_rules takes a plan of 5,000 drifts, without rules and with 200. They are of every effect and match, and half of the
// drifts are suppressed in the end: what is asked, and not what is written, is what rules cost.
//
// The goal is less than a fifth more.
func BenchmarkIngest_rules(b *testing.B) {
	const drifts = 5000
	for _, rules := range []int{0, 200} {
		b.Run(fmt.Sprintf("rules_%d", rules), func(b *testing.B) {
			w := newWorld(b)
			w.exec("update account set rules_version = 1")
			for i := range rules {
				d := someRule(i)
				r, err := d.Rule(time.Now())
				if err != nil {
					b.Fatal(err)
				}
				w.exec(`insert into rule (id, account_id, position, status, effect, types, addresses, paths, no_op, severity, owner, reason)
					values (gen_random_uuid(), $1, $2, 'active', $3, $4, $5, $6, $7, $8, $9, $10)`, w.admin.AccountID, i, string(r.Effect), r.Types, r.Addresses, r.Paths, r.NoOp,
					r.Severity, r.Owner, r.Reason)
			}
			body := manyDrifts(drifts)
			n, start := 0, processorTime(b)
			for b.Loop() {
				n++
				w.ingest(fmt.Sprintf("workspace-%d", n), body)
			}
			b.ReportMetric(float64((processorTime(b)-start).Milliseconds())/float64(n), "cpu-ms/op")
			if found := query[int](w, "select count(*)::int from drift where suppressed_by is not null"); rules > 0 && found != n*drifts/2 {
				b.Fatalf("%d drifts are suppressed in %d plans", found, n)
			}
		})
	}
}

// processorTime is what this process has used, without Postgres: other work on the machine changes how long it takes.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// someRule is one of a kind: most are about other resources, at other addresses or paths, and one in forty ignores the tags of a drift.
func someRule(i int) rule.Draft {
	d := rule.Draft{Effect: rule.Effects[i%3], Reason: "one of two hundred rules"}
	d.Types = []string{"aws_instance", "aws_*", "*"}[i%3 : i%3+1]
	d.Addresses = []string{fmt.Sprintf("module.site%d.*", i), fmt.Sprintf("*.web[%d]", i)}
	d.Paths = []string{fmt.Sprintf("attribute_%d", i), "*_count"}
	switch d.Effect {
	case rule.Ignore:
		if i%40 == 0 {
			d.Addresses, d.Paths = nil, []string{"tags"}
		}
	case rule.Severity:
		d.Severity = new("info")
	case rule.Owner:
		d.Owner = new("team")
	}
	return d
}

// manyDrifts is a plan in which n resources differ, half of them in their tags alone.
func manyDrifts(n int) string {
	var b strings.Builder
	for i := range n {
		after := fmt.Sprintf(`{"tags":{"Name":"web","env":"%d"},"instance_type":"t3.micro","monitoring":true}`, i)
		if i%2 == 0 {
			after = fmt.Sprintf(`{"tags":{"Name":"web","env":"%d"},"instance_type":"m5.large","monitoring":false}`, i)
		}
		fmt.Fprintf(&b, `{"address":"module.a.aws_instance.web[%d]","mode":"managed","type":"aws_instance","name":"web",
			"provider_name":"registry.terraform.io/hashicorp/aws","change":{"actions":["update"],
			"before":{"tags":{"Name":"web","env":"production"},"instance_type":"t3.micro","monitoring":true},"after":%s,"before_sensitive":{},"after_sensitive":{}}},`, i, after)
	}
	return `{"format_version":"1.2","terraform_version":"1.11.4","complete":true,"applyable":false,"resource_drift":[` + strings.TrimSuffix(b.String(), ",") + `]}`
}
