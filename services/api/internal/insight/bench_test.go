package insight_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/insight"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

// many are drifts of a year, in 50 workspaces and of 40 types. Of open percent the end is not known yet.
const many = `insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, origin, expected_state, actual_state, difference,
		difference_mac, detected_by, severity, status, created_at, first_seen_at, detected_at, approved_at, resolved_at, resolved_basis)
	select gen_random_uuid(), @account, sha256(g::text::bytea), 'team/' || g % 50, 'i-' || g, 'aws_type_' || g % 40, 'drift',
		jsonb_build_object('instance_type', 't3.micro', 'tags', jsonb_build_object('Team', 'core', 'Name', repeat(md5(g::text), 20))),
		jsonb_build_object('instance_type', 't3.large', 'tags', jsonb_build_object('Team', 'core', 'Name', repeat(md5(g::text), 20))),
		'{"instance_type":{"expected":"t3.micro","actual":"t3.large"}}', '', 'plan', (array['critical', 'warning', 'info'])[1 + g % 3],
		case when is_open then (array['detected', 'approved'])[1 + g % 2] else 'resolved' end, born, born, born,
		case when g % 2 = 1 then born + interval '3 hours' end, case when not is_open then born + (g % 100) * interval '1 hour' end,
		case when not is_open then 'state' end
	from (select g, g % 100 < @open as is_open, now() - interval '365 days' * g / @rows as born from generate_series(1, @rows) g) g`

// BenchmarkReport measures reports about a large account, without the cache.
func BenchmarkReport(b *testing.B) {
	for _, size := range []struct{ rows, open int }{{10_000, 20}, {100_000, 20}, {100_000, 100}} {
		b.Run(fmt.Sprintf("drifts=%d/open=%d%%", size.rows, size.open), func(b *testing.B) {
			db, err := pg.Open(b.Context(), pg.Config{
				URL: config.Secret(pgtest.DSN(b)), MaxConns: 2, ConnectTimeout: time.Minute, AcquireTimeout: time.Minute, StatementTimeout: 5 * time.Minute, LockTimeout: time.Minute,
			}, "bench", telemetrytest.Start(b))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			account := uuid.New()
			for _, statement := range []string{
				"insert into account (id, name) values (@account, 'bench')",
				"insert into workspace (id, account_id, name, owner) select gen_random_uuid(), @account, 'team/' || g, 'owner-' || g % 7 from generate_series(0, 49) g",
				many, "vacuum analyze drift",
			} {
				if _, err := db.Exec(b.Context(), statement, pg.Args{"account": account, "rows": size.rows, "open": size.open}); err != nil {
					b.Fatal(err)
				}
			}
			store, at := postgres.NewInsightStore(db), time.Now()
			for _, by := range []insight.By{insight.BySeverity, insight.ByType, insight.ByWorkspace, insight.ByOwner, insight.ByRule} {
				for _, days := range []int{30, 365} {
					b.Run(fmt.Sprintf("%s/%dd", by, days), func(b *testing.B) {
						for b.Loop() {
							if _, err := store.Report(b.Context(), account, insight.Query{By: by, SortBy: insight.SortByNoise, Limit: 20}, targets, at.AddDate(0, 0, -days), at); err != nil {
								b.Fatal(err)
							}
						}
					})
				}
			}
			b.Run("gauges", func(b *testing.B) {
				for b.Loop() {
					if _, err := store.Load(b.Context(), targets, at.AddDate(0, 0, -30), at); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
