package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/pgtest"
	"github.com/driftsentry/driftsentry/pkg/spec"
	"github.com/driftsentry/driftsentry/pkg/telemetry/telemetrytest"
	"github.com/driftsentry/driftsentry/pkg/token"
	"github.com/driftsentry/driftsentry/services/realtime/internal/app"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience bounds every wait; only a failing test gets near it.
const patience = time.Minute

const secret = "0123456789abcdef0123456789abcdef"

// service is the whole service on a database of its own.
type service struct {
	t      *testing.T
	app    *app.App
	tel    *telemetrytest.Recorder
	dsn    string
	db     *database
	tokens *token.Access
	stop   func() error
}

// start runs the service. Environment variables and options may be changed.
func start(t *testing.T, dsn string, environ []string, options ...func(*app.Options)) *service {
	t.Helper()
	tel := telemetrytest.Start(t)
	config, err := app.LoadConfig(append([]string{
		"APP_ENV=development", "PORT=0", "HOST=127.0.0.1", "DATABASE_URL=" + dsn, "JWT_SECRET=" + secret,
		"SHUTDOWN_DRAIN_DELAY=1ms", "CORS_ORIGIN=https://app.example",
	}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	o := app.Options{Config: config, Build: app.Build{Version: "1.2.3", Commit: "abc"}, Telemetry: tel.Telemetry}
	for _, option := range options {
		option(&o)
	}
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	s := &service{t: t, app: a, tel: tel, dsn: dsn, db: connect(t, dsn), tokens: token.NewAccess(secret, "", 15*time.Minute)}
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop the service: %v", err)
		}
	})
	s.eventually("ready", func() bool { return s.get("/health/ready").StatusCode == http.StatusOK })
	return s
}

// in makes t the one that fails: a subtest.
func (s *service) in(t *testing.T) *service {
	t.Helper()
	sub := *s
	sub.t = t
	return &sub
}

func (s *service) url(path string) string { return "http://" + s.app.Address().String() + path }

func (s *service) get(path string) *http.Response {
	s.t.Helper()
	client := &http.Client{Transport: spec.Transport(s.t, http.DefaultTransport)}
	req, err := http.NewRequestWithContext(spec.Invalid(s.t.Context()), http.MethodGet, s.url(path), http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// eventually repeats a question that has no event of its own, until the answer is yes.
func (s *service) eventually(what string, yes func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("never: %s", what)
		}
	}
}

// metric waits until the metrics have this text.
func (s *service) metric(text string) {
	s.t.Helper()
	s.eventually(text, func() bool { return strings.Contains(s.tel.Metrics(), text) })
}

// user is somebody who is signed in.
type user struct{ id, account, session uuid.UUID }

// database writes what api would.
type database struct {
	t    testing.TB
	mu   sync.Mutex
	conn *pgx.Conn
}

func connect(t testing.TB, dsn string) *database {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &database{t: t, conn: conn}
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.conn.Exec(d.t.Context(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

func (d *database) account() uuid.UUID {
	d.t.Helper()
	id := uuid.New()
	d.exec("insert into account (id, name) values ($1, $2)", id, "account "+id.String())
	d.exec("insert into account_stream (account_id) values ($1)", id)
	return id
}

func (d *database) user(account uuid.UUID) user {
	d.t.Helper()
	id := uuid.New()
	d.exec("insert into app_user (id, account_id, email, name, role) values ($1, $2, $3, 'A User', 'viewer')", id, account, id.String()+"@acme.example")
	return user{id, account, d.session(id)}
}

func (d *database) session(user uuid.UUID) uuid.UUID {
	d.t.Helper()
	id := uuid.New()
	d.exec("insert into session (id, user_id, expires_at) values ($1, $2, now() + interval '1 day')", id, user)
	return id
}

// hinting says whether a publication is announced.
type hinting bool

const (
	hinted   hinting = true
	unhinted hinting = false
)

// publish commits events as api does: rows, counter, and then the hint. It gives the last position.
func (d *database) publish(account uuid.UUID, hint hinting, events ...published) int64 {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	position, err := publish(d.t.Context(), d.conn, account, events)
	if err != nil {
		d.t.Fatal(err)
	}
	if hint == hinted {
		if _, err := d.conn.Exec(d.t.Context(), "select pg_notify($1, $2)", event.NotifyChannel, event.Hint{AccountID: account, Position: position}.String()); err != nil {
			d.t.Fatal(err)
		}
	}
	return position
}

// published is one event.
type published struct {
	topic       string // drifts by default
	traceparent string
}

func some(n int) []published { return make([]published, n) }

func publish(ctx context.Context, conn *pgx.Conn, account uuid.UUID, events []published) (position int64, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "update account_stream set position = position + $2 where account_id = $1 returning position",
			account, len(events)).Scan(&position); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for i, e := range events {
			batch.Queue("insert into event (account_id, position, id, type, topics, body, traceparent) values ($1, $2, $3, $4, $5, $6, $7)",
				row(account, position-int64(len(events))+int64(i)+1, e)...)
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	return position, err
}

func row(account uuid.UUID, position int64, e published) []any {
	id := uuid.New()
	kind, data := event.CheckCompleted, `{"id":"`+id.String()+`","workspace":"w","status":"ok","stale":false,"counts":{"new":0,"changed":0,"unchanged":1,"resolved":0}}`
	if e.topic == "" {
		e.topic = event.TopicDrifts
	}
	extension := ""
	if e.traceparent != "" {
		extension = `"traceparent":"` + e.traceparent + `",`
	}
	body := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/driftsentry/api","type":%q,"subject":"%d","time":"2026-01-02T03:04:05.000Z","datacontenttype":"application/json",%s"data":%s}`,
		id.String(), kind, position, extension, data)
	return []any{account, position, id, string(kind), []string{e.topic}, body, e.traceparent}
}

// client is a socket of a well-behaved library, which checks every frame against the documentation.
type client struct {
	t    testing.TB
	conn *websocket.Conn

	mu     sync.Mutex
	frames []frame
	more   chan struct{}
	closed chan struct{}
	err    error
}

// frame is what the server sends, as far as tests look into it.
type frame struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Code     string `json:"code"`
	Reason   string `json:"reason"`
	Cursor   string `json:"cursor"`
	Position int64  `json:"position"`
	AfterMs  *int   `json:"afterMs"`
	Event    struct {
		Subject     string `json:"subject"`
		Traceparent string `json:"traceparent"`
	} `json:"event"`
}

func (s *service) sign(u user) string {
	s.t.Helper()
	signed, err := s.tokens.Sign(u.id, u.account, u.session)
	if err != nil {
		s.t.Fatal(err)
	}
	return signed
}

// dial opens a socket and waits for its welcome.
func (s *service) dial(u user) *client {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, strings.Replace(s.url("/ws"), "http", "ws", 1), &websocket.DialOptions{
		Subprotocols: []string{"driftsentry.v1"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + s.sign(u)}},
		HTTPClient: &http.Client{Transport: spec.Transport(s.t, http.DefaultTransport)},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	conn.SetReadLimit(1 << 20)
	c := &client{t: s.t, conn: conn, more: make(chan struct{}), closed: make(chan struct{})}
	go c.read()
	s.t.Cleanup(func() {
		_ = conn.CloseNow()
		<-c.closed
	})
	c.wait("welcome", func(f frame) bool { return f.Type == "welcome" })
	return c
}

// listen is dial and subscribe.
func (s *service) listen(u user, after string, topics ...string) *client {
	s.t.Helper()
	c := s.dial(u)
	c.subscribe(after, topics...)
	return c
}

func (c *client) subscribe(after string, topics ...string) {
	c.t.Helper()
	request := map[string]any{"type": "subscribe", "id": "s", "topics": topics}
	if after != "" {
		request["after"] = after
	}
	c.send(request)
	c.wait("ack", func(f frame) bool { return f.Type == "ack" && f.ID == "s" })
}

func (c *client) send(request any) {
	c.t.Helper()
	data, err := json.Marshal(request)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, data); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read() {
	defer close(c.closed)
	for {
		_, data, err := c.conn.Read(context.Background())
		c.mu.Lock()
		if err != nil {
			c.err = err
			c.mu.Unlock()
			return
		}
		var f frame
		if err := json.Unmarshal(data, &f); err != nil {
			c.t.Errorf("frame %s: %v", data, err)
		}
		if len(c.frames) < 50 || f.Type != "event" {
			spec.Frame(c.t, spec.FromServer, data) // It costs too much to check thousands.
		}
		c.frames = append(c.frames, f)
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
	}
}

// wait blocks until a frame matches, and gives it.
func (c *client) wait(what string, match func(frame) bool) frame {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for next := 0; ; {
		c.mu.Lock()
		frames, more := c.frames, c.more
		c.mu.Unlock()
		for ; next < len(frames); next++ {
			if match(frames[next]) {
				return frames[next]
			}
		}
		select {
		case <-more:
		case <-c.closed:
			c.t.Fatalf("closed (%v) before %s", c.err, what)
		case <-ctx.Done():
			c.t.Fatalf("%s never came; %d frames did", what, len(frames))
		}
	}
}

// waitEvent blocks until the event at a position is there.
func (c *client) waitEvent(position int64) frame {
	c.t.Helper()
	return c.wait(fmt.Sprint("event ", position), func(f frame) bool { return f.Type == "event" && f.Position == position })
}

// positions are those of the events so far.
func (c *client) positions() []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []int64
	for _, f := range c.frames {
		if f.Type == "event" {
			list = append(list, f.Position)
		}
	}
	return list
}

// cursor is the last one that came.
func (c *client) cursor() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := ""
	for _, f := range c.frames {
		if f.Cursor != "" {
			last = f.Cursor
		}
	}
	return last
}

func (c *client) closeCode() websocket.StatusCode {
	c.t.Helper()
	select {
	case <-c.closed:
	case <-time.After(patience):
		c.t.Fatal("it never closed")
	}
	if e, ok := errors.AsType[websocket.CloseError](c.err); ok {
		return e.Code
	}
	c.t.Fatalf("it ended without a close frame: %v", c.err)
	return 0
}

// sequence is the positions from, from+1 … to.
func sequence(from, to int64) []int64 {
	list := make([]int64, 0, to-from+1)
	for p := from; p <= to; p++ {
		list = append(list, p)
	}
	return list
}
