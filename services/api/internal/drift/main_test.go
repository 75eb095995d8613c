package drift_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/audit"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/postgres"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/telemetrytest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// world is a service on a database of its own, with two accounts.
type world struct {
	t       testing.TB
	service *drift.Service
	store   *postgres.DriftStore
	db      *pg.DB
	tel     *telemetrytest.Recorder
	hints   *hint.Sender
	trail   *audit.Trail

	engineer, colleague, key, stranger, admin identity.Principal
}

func newWorld(t testing.TB) *world {
	t.Helper()
	tel := telemetrytest.Start(t)
	db, err := pg.Open(t.Context(), pg.Config{
		URL: config.Secret(pgtest.DSN(t)), MaxConns: 16, ConnectTimeout: time.Minute, AcquireTimeout: time.Minute,
		StatementTimeout: time.Minute, LockTimeout: time.Minute, IdleInTransaction: time.Minute,
	}, "test", tel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := &world{t: t, db: db, tel: tel, store: postgres.NewDriftStore(db), trail: audit.NewTrail(postgres.NewAuditStore(db))}
	if w.hints, err = hint.NewSender(hint.Postgres{DB: db}, tel); err != nil {
		t.Fatal(err)
	}
	w.service, err = drift.New(drift.Config{
		Store: w.store, Hints: w.hints, Actors: trusting{}, DataKey: []byte("a key of thirty-two bytes, or so"), Telemetry: tel,
	})
	if err != nil {
		t.Fatal(err)
	}
	account, other := w.newAccount("one"), w.newAccount("another")
	w.engineer = w.newUser(account, "ada")
	w.colleague = w.newUser(account, "grace")
	w.stranger = w.newUser(other, "eve")
	w.admin = w.newUser(account, "mary")
	w.admin.Role = identity.Admin
	w.key = identity.Principal{AccountID: account, KeyID: uuid.New(), KeyName: "pipeline"}
	return w
}

// trusting believes what a principal says of itself. Package httpapi tests those who do not.
type trusting struct{}

func (trusting) Act(_ context.Context, _ identity.ActorTx, p identity.Principal, _ identity.Role) (audit.Actor, error) {
	return p.Actor(), nil
}

func (w *world) newAccount(name string) uuid.UUID {
	id := uuid.New()
	w.exec("insert into account (id, name) values ($1, $2)", id, name)
	w.exec("insert into account_stream (account_id) values ($1)", id)
	return id
}

func (w *world) newUser(account uuid.UUID, name string) identity.Principal {
	return identity.Principal{
		AccountID: account, UserID: uuid.New(), SessionID: uuid.New(), Email: name + "@example.com", Role: identity.Engineer,
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// query gives the one value of a query.
func query[T any](w *world, sql string, args ...any) T {
	w.t.Helper()
	return pgtest.Value[T](w.t, w.db, sql, args...)
}

// report makes a drift of this resource.
func (w *world) report(resource string, change ...func(*drift.Report)) *drift.Drift {
	w.t.Helper()
	r := drift.Report{
		ResourceID: resource, ResourceType: "aws_instance", Region: "eu-central-1", Workspace: drift.DefaultWorkspace,
		ExpectedState: json.RawMessage(`{"size":"small"}`), ActualState: json.RawMessage(`{"size":"large"}`),
	}
	for _, f := range change {
		f(&r)
	}
	d, err := w.service.Create(w.t.Context(), w.engineer, r)
	if err != nil {
		w.t.Fatalf("report %s: %v", resource, err)
	}
	return d
}

// encode is a response to an upload, with what the edge's has in it.
func encode(i *drift.Ingested) ([]byte, error) {
	var states []string
	for _, d := range i.Drifts {
		states = append(states, string(d.ExpectedState), string(d.ActualState), string(d.Difference))
	}
	return json.Marshal(map[string]any{"check": i.Check.ID, "drifts": i.Drifts, "states": states})
}

func (w *world) tryIngest(workspace, body string, change ...func(*drift.Upload)) (*drift.Ingested, error) {
	u := drift.Upload{Workspace: workspace, Refreshed: true, Body: strings.NewReader(body), Encode: encode}
	for _, f := range change {
		f(&u)
	}
	return w.service.Ingest(w.t.Context(), w.key, u)
}

func (w *world) ingest(workspace, body string, change ...func(*drift.Upload)) *drift.Ingested {
	w.t.Helper()
	result, err := w.tryIngest(workspace, body, change...)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// first is the first part of a list.
func first(n int) list.Range { return list.Range{Page: list.Page{Number: 1, Size: n}} }

// list is a page of slim drifts, and how many there are.
func (w *world) list(f drift.Filter, o drift.Order, p list.Page) ([]*drift.Drift, int, error) {
	return w.listAs(w.engineer, f, o, p)
}

func (w *world) listAs(p identity.Principal, f drift.Filter, o drift.Order, page list.Page) ([]*drift.Drift, int, error) {
	part, err := w.service.List(w.t.Context(), p, drift.Listing{Filter: f, Order: o, Range: list.Range{Page: page}})
	return part.Items, part.Total, err
}

// drifts are an account's drifts by resource, those that were resolved too; of several the newest.
func (w *world) drifts() map[string]*drift.Drift {
	w.t.Helper()
	part, err := w.service.List(w.t.Context(), w.engineer, drift.Listing{
		Order: drift.Order{By: drift.ByCreated, Direction: drift.Ascending}, Range: list.Range{Page: list.Page{Number: 1, Size: 100}}, States: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	found := make(map[string]*drift.Drift)
	for _, d := range part.Items {
		found[d.ResourceID] = d
	}
	return found
}

// events are the types of the account's events, in order. It also checks that no position is missing.
func (w *world) events() []event.Type {
	w.t.Helper()
	events, err := w.store.Events(w.t.Context(), w.engineer.AccountID, 0, 100_000)
	if err != nil {
		w.t.Fatal(err)
	}
	types := make([]event.Type, len(events))
	for i, e := range events {
		types[i] = e.Type
		if e.Position != int64(i+1) {
			w.t.Fatalf("event %d has position %d", i+1, e.Position)
		}
	}
	return types
}

func wantKind(t *testing.T, err error, kind apierror.Kind) {
	t.Helper()
	if !apierror.Is(err, kind) {
		t.Errorf("the error is %v, want %s", err, kind)
	}
}

// wantSame compares a stored drift with the one that a use case gave: everything that clients see, the states by their
// meaning, since the database writes JSON in its own way.
func wantSame(t *testing.T, stored, given *drift.Drift) {
	t.Helper()
	meaning := func(d drift.Drift) drift.Drift {
		d.AccountID, d.Fingerprint, d.DifferenceMAC, d.Sides, d.PathHashes = uuid.Nil, nil, nil, nil, nil // They are not read for clients.
		for _, state := range []*[]byte{&d.ExpectedState, &d.ActualState, &d.Difference} {
			var value any
			if err := json.Unmarshal(*state, &value); err != nil {
				t.Fatalf("%s: a state is %q: %v", d.ResourceID, *state, err)
			}
			*state = fmt.Append(nil, value)
		}
		return d
	}
	if diff := cmp.Diff(meaning(*stored), meaning(*given)); diff != "" {
		t.Errorf("the stored drift is not the given one:\n%s", diff)
	}
}

func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "plan", "testdata", "plans", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type spanStub = tracetest.SpanStub

func hasAttribute(s spanStub, key, value string) bool {
	return slices.ContainsFunc(s.Attributes, func(a attribute.KeyValue) bool {
		return string(a.Key) == key && a.Value.String() == value
	})
}

// metric is the value of a series, as it is scraped.
func (w *world) metric(series string) (float64, bool) {
	w.t.Helper()
	for line := range strings.Lines(w.tel.Metrics()) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			value, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				w.t.Fatal(err)
			}
			return value, true
		}
	}
	return 0, false
}
