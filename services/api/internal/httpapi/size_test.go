package httpapi_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// fatRows are rows that are much larger than what the API stores, in every table that a list shows: as an earlier version, or
// hands, could have left them. fat is a text of which each character takes six bytes in JSON; of the objects, of 900 KB, 90 KB and
// 300 KB, the last stays as large in the database.
const fatRows = `
create function fat(n int) returns text language sql as $$ select repeat('<', n) $$;
create table fat as select
	(select jsonb_object_agg('member' || i, jsonb_build_object('expected', repeat('<"', 3000), 'actual', null)) from generate_series(1, 100) i) as object,
	(select jsonb_object_agg('member' || i, jsonb_build_object('expected', repeat('<"', 300), 'actual', null)) from generate_series(1, 100) i) as smaller,
	(select jsonb_object_agg('member' || i, md5(random()::text || i)) from generate_series(1, 8000) i) as incompressible;

insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, provider, region, origin, planned_action,
		expected_state, actual_state, difference, difference_mac, severity, detected_by, status, approved_at, approved_by, approval_reason,
		rejected_at, rejected_by, rejection_reason, owner, owner_by, suppressed_reason)
	select gen_random_uuid(), @account, sha256(i::text::bytea), 'fat', i || fat(300000), fat(300000), fat(300000), fat(300000), 'drift', 'update',
		case when i % 10 = 0 then object when i % 2 = 0 then smaller else incompressible end, smaller,
		case when i % 10 = 0 then object when i % 2 = 0 then smaller else incompressible end, sha256('x'), 'critical', 'plan',
		case when i <= 20 then 'rejected' else 'approved' end,
		now(), fat(300000), fat(300000), now(), fat(300000), fat(300000), fat(300000), fat(300000), fat(300000)
	from fat, generate_series(1, 120) i;
insert into rule (id, account_id, position, status, effect, workspaces, addresses, types, providers, paths, origins, owner, reason, created_by, updated_by)
	select gen_random_uuid(), @account, i, 'proposed', 'owner', globs, globs, globs, globs, globs, globs, fat(300000), fat(300000), fat(300000), fat(300000)
	from (select array_fill(fat(3000), array[100]) as globs) g, generate_series(1, 120) i;
insert into alert (id, account_id, drift_id, type, severity, title, message)
	select gen_random_uuid(), @account, (select id from drift limit 1), 'drift_detected', 'critical', fat(300000), fat(300000) from generate_series(1, 120);
insert into workspace_check (id, account_id, workspace_id, status, format_version, terraform_version, body_hash, answer, actor, trace_id,
		refreshed, coverage, reasons, ref, commit_sha, run_url, triggered_by, failure_reason, left_out, left_out_entries)
	select gen_random_uuid(), @account, (select id from workspace where account_id = @account limit 1), 'drifted', fat(300000), fat(300000), sha256(i::text::bytea),
		'null', fat(300000), '4bf92f3577b34da6a3ce929d0e0e4736', 'no', 'full', array_fill(fat(3000), array[100]), fat(300000), fat(300000), fat(300000), fat(300000), fat(300000),
		1000, case when i % 2 = 0 then (select jsonb_agg(jsonb_build_object('path', fat(300), 'resource', fat(300), 'reason', fat(300))) from generate_series(1, 100)) else incompressible end
	from fat, generate_series(1, 120) i;
update workspace set last_check_id = (select id from workspace_check where account_id = @account limit 1), last_check_at = now(), last_check_status = 'drifted', owner = fat(300000);
insert into workspace (id, account_id, name, owner) select gen_random_uuid(), @account, 'w' || i || repeat('x', 120), fat(3000) from generate_series(1, 2500) i;
insert into audit (id, account_id, action, actor_email, actor_role, drift_id, subject, message, trace_id, metadata)
	select gen_random_uuid(), @account, 'drift.created', fat(300000), 'engineer', (select id from drift where account_id = @account limit 1), fat(300000), fat(300000),
		'4bf92f3577b34da6a3ce929d0e0e4736', case when i % 100 = 0 then object when i % 100 = 1 then incompressible else smaller end
	from fat, generate_series(1, 600) i;
insert into app_user (id, account_id, email, name, role) select gen_random_uuid(), @account, i || '@x.example', fat(300000), 'viewer' from generate_series(1, 120) i;
insert into api_key (id, account_id, name, scope, prefix, hash, created_by)
	select gen_random_uuid(), @account, fat(300000), 'ingest', 'ds_', sha256(i::text::bytea), (select id from app_user where account_id = @account limit 1) from generate_series(1, 120) i;
insert into event (account_id, position, id, type, topics, body)
	select @account, position + i, gen_random_uuid(), 'drift.created', '{drifts}', json_build_object('data', fat(100000)) from account_stream, generate_series(1, 600) i where account_id = @account;
update account_stream set position = position + 600 where account_id = @account;`

// maxAllocated is how many bytes a request may allocate: what Postgres sends, the rows, and the response as it grows.
// 7.8 times the largest response were measured, and 12.5 times under the race detector.
const maxAllocated = 16 * rest.MaxResponse

// allocatedFor is how many bytes a GET allocates here. Other goroutines of the process allocate meanwhile, so the least of several counts.
func allocatedFor(t *testing.T, caller *apitest.Client, url string) uint64 {
	t.Helper()
	least := uint64(math.MaxUint64)
	for range 5 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+caller.Bearer)
		r.Header.Set("Accept-Encoding", "identity")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		runtime.ReadMemStats(&after)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", url, res.StatusCode, err)
		}
		if least = min(least, after.TotalAlloc-before.TotalAlloc); least <= maxAllocated {
			break
		}
	}
	return least
}

// TestAttackResponseSize: whatever the rows are, no response to a GET exceeds 4 MiB, and reading them takes a bounded memory in
// this process. Every GET of the document is tried.
//
// Mutations: each of the columns without its left(); wholeStates, withTexts and the part of a difference replaced by the columns;
// the sums of statesOf left out; the events without their sum; workspaces, the timeline and left_out_entries without their limits.
func TestAttackResponseSize(t *testing.T) {
	api := apitest.Start(t)
	report(t, api.Engineer, "web", "severity", "critical")
	statements := strings.ReplaceAll(fatRows, "@account", "'"+api.Account.String()+"'")
	for statement := range strings.SplitSeq(statements, ";\n") {
		if _, err := api.DB.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%v in %s", err, statement)
		}
	}
	// The sealer reads all rows of the audit trail once a minute that are new, and would count as some request.
	if err := audit.NewSealer(postgres.NewSealStore(api.DB), api.Telemetry).Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	one := func(table string) string {
		return pgtest.Value[uuid.UUID](t, api.DB, "select id from "+table+" where account_id = $1 order by id desc limit 1", api.Account).String()
	}
	channel := strings.TrimPrefix(channelPath(api), "/api/v1/channels/")
	of := map[string]string{
		"/api/v1/drifts/{id}": one("drift"), "/api/v1/alerts/{id}": one("alert"), "/api/v1/checks/{id}": one("workspace_check"), "/api/v1/rules/{id}": one("rule"),
		"/api/v1/drifts/{id}/timeline": pgtest.Value[uuid.UUID](t, api.DB, "select drift_id from audit where drift_id is not null and account_id = $1 group by 1 order by count(*) desc limit 1", api.Account).String(),
		"/api/v1/channels/{id}":        channel, "/api/v1/channels/{id}/deliveries": channel,
	}
	operations, err := spec.Operations("api")
	if err != nil {
		t.Fatal(err)
	}
	largest, tried, most := 0, 0, uint64(0)
	for _, op := range operations {
		if op.Method != http.MethodGet || !strings.HasPrefix(op.Path, "/api/v1/") || op.ID == "exportDrifts" || op.ID == "exportAudit" || strings.Contains(op.Path, "/oidc/") {
			// The export is streamed, and signing in with a provider redirects.
			continue
		}
		path := strings.NewReplacer("{id}", of[op.Path], "{name}", "default").Replace(op.Path)
		queries := []string{""}
		for _, parameter := range op.Query {
			switch parameter {
			case "limit":
				queries = append(queries, "?limit=100")
			case "page":
				queries = append(queries, "?limit=100&page=2")
			case "include":
				queries = append(queries, "?limit=100&include=states", "?limit=1&include=states", "?limit=1&search=member7&sortBy=status")
			case "after":
				if op.ID == "listEvents" {
					queries = append(queries, "?limit=500")
				}
			}
		}
		for _, query := range queries {
			if op.ID == "listEvents" && query == "?limit=100&page=2" {
				continue
			}
			// The document's patterns are for what the API stores.
			body := api.Admin.Unchecked().Get(path + query).Want(200).Body
			tried++
			largest = max(largest, len(body))
			if len(body) > rest.MaxResponse {
				t.Errorf("%s%s: %d bytes", path, query, len(body))
			}
			allocated := allocatedFor(t, api.Admin, api.URL+path+query)
			most = max(most, allocated)
			if allocated > maxAllocated {
				t.Errorf("%s%s: %.1f MiB were allocated for %d bytes", path, query, float64(allocated)/(1<<20), len(body))
			}
			if !json.Valid(body) {
				t.Errorf("%s%s is not JSON", path, query)
			}
		}
	}
	t.Logf("tried: %d requests for rows of megabytes; the largest response had %d bytes, and %.1f MiB were allocated at most", tried, largest, float64(most)/(1<<20))

	// A page that ends early says so, and nothing is lost.
	seen, pages, cursor := map[string]bool{}, 0, ""
	for {
		var page struct {
			Items      []struct{ ID string }
			Pagination struct {
				HasMore    bool
				NextCursor string
			}
		}
		api.Viewer.Unchecked().Get("/api/v1/drifts?limit=100&include=states&status=rejected" + cursor).Want(200).Decode(&page)
		for _, d := range page.Items {
			if seen[d.ID] {
				t.Errorf("%s comes twice", d.ID)
			}
			seen[d.ID] = true
		}
		pages++
		if len(page.Items) == 0 || page.Pagination.HasMore != (page.Pagination.NextCursor != "") {
			t.Fatalf("%d items, %+v", len(page.Items), page.Pagination)
		}
		if cursor = "&cursor=" + page.Pagination.NextCursor; !page.Pagination.HasMore {
			break
		}
	}
	if len(seen) != 20 || pages < 3 {
		t.Errorf("%d drifts on %d pages, want 20 on several", len(seen), pages)
	}
}
