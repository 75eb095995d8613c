package drift_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/plan"
)

var approval = drift.Decision{Action: drift.Approve, Reason: reason}

// Mutations: a conflict of one drift ends all; the versions do not matter; the alerts stay unread.
func TestService_DecideMany(t *testing.T) {
	w := newWorld(t)
	a, b := w.report("a", func(r *drift.Report) { r.Severity = plan.Critical }), w.report("b")
	rejected, changed := w.report("rejected"), w.report("changed")
	if _, err := w.service.Reject(t.Context(), w.engineer, rejected.ID, reason, 0); err != nil {
		t.Fatal(err)
	}
	before := len(w.events())
	nowhere := uuid.New()
	ids := []uuid.UUID{changed.ID, b.ID, nowhere, rejected.ID, a.ID}
	outcomes, err := w.service.DecideMany(t.Context(), w.colleague, drift.Selection{IDs: ids, Versions: map[uuid.UUID]int{changed.ID: 7, a.ID: 1}}, approval)
	if err != nil {
		t.Fatal(err)
	}
	want := map[uuid.UUID]apierror.Kind{nowhere: apierror.NotFound, rejected.ID: apierror.Conflict, changed.ID: apierror.Conflict}
	if len(outcomes) != len(ids) {
		t.Fatalf("%d outcomes", len(outcomes))
	}
	for _, o := range outcomes {
		if kind, refused := want[o.ID]; refused {
			wantKind(t, o.Err, kind)
			continue
		}
		if o.Err != nil || o.Drift.Status != drift.Approved || o.Drift.Version != 2 {
			t.Errorf("%s: %+v, %v", o.ID, o.Drift, o.Err)
		}
		stored, err := w.service.Get(t.Context(), w.engineer, o.ID)
		if err != nil {
			t.Fatal(err)
		}
		if stored.Status != drift.Approved || stored.Version != 2 || *stored.ApprovedBy != w.colleague.Email || *stored.ApprovalReason != reason {
			t.Errorf("stored: %+v", stored)
		}
	}
	if got, want := w.events()[before:], []event.Type{event.DriftApproved, event.DriftApproved, event.AlertRead}; !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	if n := query[int](w, "select count(*)::int from alert where is_read and read_by = $1", w.colleague.Email); n != 1 {
		t.Errorf("%d alerts are read by who decided", n)
	}
	if n := query[int](w, "select count(*)::int from audit where action = 'drift.approved' and drift_id = any($1)", ids); n != 2 {
		t.Errorf("%d audit rows", n)
	}

	t.Run("and takes them back", func(t *testing.T) {
		outcomes, err := w.service.DecideMany(t.Context(), w.engineer, drift.Selection{IDs: []uuid.UUID{a.ID, b.ID}}, drift.Decision{Action: drift.Reopen, Reason: reason})
		if err != nil || outcomes[0].Err != nil || outcomes[1].Err != nil {
			t.Fatal(outcomes, err)
		}
		if n := query[int](w, "select count(*)::int from alert where not is_read and drift_id = $1", a.ID); n != 1 {
			t.Errorf("%d alerts of the critical one", n)
		}
	})
	t.Run("another account's drift is not there", func(t *testing.T) {
		outcomes, err := w.service.DecideMany(t.Context(), w.stranger, drift.Selection{IDs: []uuid.UUID{a.ID}}, approval)
		if err != nil || len(outcomes) != 1 {
			t.Fatal(outcomes, err)
		}
		wantKind(t, outcomes[0].Err, apierror.NotFound)
		if outcomes[0].Drift != nil || w.drifts()["a"].Status != drift.Detected {
			t.Error("a stranger saw or changed it")
		}
	})
	t.Run("refuses", func(t *testing.T) {
		for name, which := range map[string]drift.Selection{
			"nothing":              {},
			"ids and a filter":     {IDs: ids, Filter: &drift.Filter{}, Expected: 1},
			"an id twice":          {IDs: []uuid.UUID{a.ID, a.ID}},
			"too many":             {IDs: make([]uuid.UUID, drift.MaxBulk+1)},
			"a filter alone":       {Filter: &drift.Filter{}},
			"too many of a filter": {Filter: &drift.Filter{}, Expected: drift.MaxBulk + 1},
			"a strange version":    {IDs: []uuid.UUID{a.ID}, Versions: map[uuid.UUID]int{b.ID: 1}},
		} {
			if _, err := w.service.DecideMany(t.Context(), w.engineer, which, approval); !apierror.Is(err, apierror.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Mutations: counted always nil; LockDrifts without its limit of one more.
func TestService_DecideMany_of_a_filter(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.report("r"+strconv.Itoa(i), func(r *drift.Report) { r.ResourceType = "aws_autoscaling_group" })
	}
	w.report("other")
	filter := &drift.Filter{ResourceType: []string{"aws_autoscaling_group"}, Status: []drift.Status{drift.Detected}}
	before := len(w.events())
	for _, expected := range []int{1, 2, 4} {
		_, err := w.service.DecideMany(t.Context(), w.engineer, drift.Selection{Filter: filter, Expected: expected}, approval)
		wantKind(t, err, apierror.Conflict)
	}
	if n := len(w.events()); n != before {
		t.Fatalf("%d events of what was refused", n-before)
	}
	outcomes, err := w.service.DecideMany(t.Context(), w.engineer, drift.Selection{Filter: filter, Expected: 3}, approval)
	if err != nil || len(outcomes) != 3 {
		t.Fatal(outcomes, err)
	}
	if stored := w.drifts(); stored["r0"].Status != drift.Approved || stored["other"].Status != drift.Detected {
		t.Errorf("%+v", stored)
	}
	_, err = w.service.DecideMany(t.Context(), w.engineer, drift.Selection{Filter: filter, Expected: 3}, approval)
	wantKind(t, err, apierror.Conflict)
}

// Of people who decide about overlapping drifts at once, each drift follows one. Mutation: LockDrifts without `for update`; without its
// order, the transactions lose deadlocks, which this test survives.
func TestService_two_people_decide_about_many_at_once(t *testing.T) {
	w := newWorld(t)
	const rounds, people, many = 5, 4, 40
	for round := range rounds {
		ids := make([]uuid.UUID, many)
		for i := range ids {
			ids[i] = w.report(strconv.Itoa(round) + "-" + strconv.Itoa(i)).ID
		}
		won := make([]int, people)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range people {
			wg.Go(func() {
				mine := slices.Clone(ids)
				if i%2 == 1 {
					slices.Reverse(mine)
				}
				what := drift.Decision{Action: []drift.Action{drift.Approve, drift.Reject}[i%2], Reason: reason}
				<-start
				outcomes, err := w.service.DecideMany(context.Background(), w.engineer, drift.Selection{IDs: mine}, what)
				if err != nil {
					t.Error(err)
				}
				for _, o := range outcomes {
					if o.Err == nil {
						won[i]++
					} else if !apierror.Is(o.Err, apierror.Conflict) {
						t.Error(o.Err)
					}
				}
			})
		}
		close(start)
		wg.Wait()
		if total := won[0] + won[1] + won[2] + won[3]; total != many {
			t.Fatalf("%v decisions, want %d", won, many)
		}
		if n := query[int](w, "select count(*)::int from audit where drift_id = any($1) and action <> 'drift.created'", ids); n != many {
			t.Errorf("%d audit rows, want %d", n, many)
		}
	}
}

// A bulk decision takes as many statements for 500 drifts as it takes for 250 with one more part. Mutation: SaveDecision for each drift.
func TestService_DecideMany_statements(t *testing.T) {
	w := newWorld(t)
	first := w.report("0")
	w.exec(`insert into drift (id, account_id, fingerprint, workspace, resource_id, resource_type, origin, expected_state, actual_state, difference,
			difference_mac, path_hashes, severity, detected_by)
		select gen_random_uuid(), account_id, sha256(x::text::bytea), workspace, x::text, resource_type, origin, expected_state, actual_state, difference,
			difference_mac, path_hashes, 'critical', detected_by from drift, generate_series(1, $2) x where id = $1`, first.ID, drift.MaxBulk-1)
	w.exec("insert into alert (id, account_id, drift_id, type, severity, title, message) select gen_random_uuid(), account_id, id, 'drift_detected', severity, '', '' from drift")
	before := len(w.tel.Spans())
	outcomes, err := w.service.DecideMany(t.Context(), w.engineer, drift.Selection{Filter: &drift.Filter{Open: new(true)}, Expected: drift.MaxBulk}, approval)
	if err != nil || len(outcomes) != drift.MaxBulk {
		t.Fatal(len(outcomes), err)
	}
	statements := map[string]int{}
	for _, s := range w.tel.Spans()[before:] {
		for name := range strings.SplitSeq(s.Name, "; ") {
			statements[name]++
		}
	}
	want := map[string]int{
		"BEGIN": 1, "SELECT drift for update": 1, "UPDATE drift": 2, "UPDATE alert": 1, "INSERT audit": 2, "INSERT event": 4, "COMMIT": 1,
		"DELETE decided_path": 1, "INSERT decided_path": 1, "transaction drift.bulk": 1, "publish events": 1,
	}
	if diff := cmp.Diff(want, statements); diff != "" {
		t.Errorf("500 decisions take:\n%s", diff)
	}
}
