// Package queue runs the jobs of notifications, with River on the same Postgres: one job for each channel that has something to
// send, in the whole installation.
//
//	event's transaction ──▶ available ──▶ running ──nothing waits──▶ completed ──▶ removed
//	                            ▲            │ ▲
//	                            │       wait │ │
//	                            └─────── scheduled
//
// The statement that stores events also makes the job, unless the channel has one (postgres.AppendEvents). A job that finds
// nothing more to send must not end while a delivery is being made that counts on it. So it ends under the lock under which
// deliveries are made, that of the account's stream, after another look.
//
// When a process is killed, its jobs run again on another one after rescueAfter.
package queue

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"github.com/riverqueue/rivercontrib/otelriver"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// Name is the queue's.
const Name = "notify"

const (
	// workers is how many channels a replica serves at the same time. Receivers are slow, and a worker needs no connection while it waits.
	workers = 20
	// jobTimeout is longer than notify's turn and one request.
	jobTimeout  = 45 * time.Second
	rescueAfter = time.Minute
	// softStop is how long jobs may take to end at shutdown; each ends after the request at hand.
	softStop = 15 * time.Second
	// retryPause is how long a job waits after an error, most often of the database, and startPause the whole queue.
	retryPause = 5 * time.Second
	startPause = 5 * time.Second
	// longestWait is how long a job waits at most before it looks again, so that a change of the channel is seen soon.
	longestWait = time.Minute
	keepJobs    = time.Hour
)

// Args say which channel a job is for.
type Args struct {
	Channel uuid.UUID `json:"channel"`
}

// Kind implements river.JobArgs.
func (Args) Kind() string { return Name }

// Telemetry is what the queue reports to.
type Telemetry interface {
	Logger() *slog.Logger
	MeterProvider() metric.MeterProvider
	TracerProvider() trace.TracerProvider
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// Drainer sends what waits for a channel (notify.Service).
type Drainer interface {
	Drain(ctx, stopping context.Context, channel uuid.UUID) (notify.Pause, error)
}

// Queue runs jobs.
type Queue struct {
	pool    *pgxpool.Pool
	drainer Drainer
	tel     Telemetry
	// rescueAfter is shorter in tests.
	rescueAfter, jobTimeout time.Duration
}

// New makes a queue on a pool; Run runs it.
func New(pool *pgxpool.Pool, drainer Drainer, tel Telemetry) *Queue {
	return &Queue{pool, drainer, tel, rescueAfter, jobTimeout}
}

// Run works until ctx ends, and then ends the jobs under way. It waits for a database that is not there.
func (q *Queue) Run(ctx context.Context) error {
	for {
		client, err := q.start(ctx)
		if err == nil {
			<-client.Stopped()
			return nil
		}
		if ctx.Err() == nil {
			q.tel.Logger().LogAttrs(ctx, slog.LevelDebug, "the queue of notifications did not start", slog.String("error.message", err.Error()))
		}
		select {
		case <-time.After(startPause):
		case <-ctx.Done():
			return nil
		}
	}
}

func (q *Queue) start(ctx context.Context) (*river.Client[pgx.Tx], error) {
	registered := river.NewWorkers()
	if err := river.AddWorkerSafely(registered, &worker{queue: q, stopping: ctx}); err != nil {
		return nil, fmt.Errorf("register the worker: %w", err)
	}
	client, err := river.NewClient(riverpgxv5.New(q.pool), &river.Config{
		Queues:  map[string]river.QueueConfig{Name: {MaxWorkers: workers}},
		Workers: registered,
		// Listening needs a session of its own, which a pooler in transaction mode does not have.
		PollOnly:   true,
		JobTimeout: q.jobTimeout, RescueStuckJobsAfter: q.rescueAfter, SoftStopTimeout: softStop,
		CompletedJobRetentionPeriod: keepJobs, CancelledJobRetentionPeriod: keepJobs,
		// The service's role does not own the indexes. Autovacuum suffices for some jobs.
		ReindexerIndexNames: []string{},
		Logger:              slog.New(quiet{q.tel.Logger()}),
		ErrorHandler:        &reporter{q.tel},
		Middleware: []rivertype.Middleware{otelriver.NewMiddleware(&otelriver.MiddlewareConfig{
			MeterProvider: q.tel.MeterProvider(), TracerProvider: q.tel.TracerProvider(),
		})},
	})
	if err != nil {
		return nil, fmt.Errorf("make the queue: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		return nil, fmt.Errorf("start the queue: %w", err)
	}
	return client, nil
}

// worker sends what waits for a channel.
type worker struct {
	river.WorkerDefaults[Args]

	queue    *Queue
	stopping context.Context //nolint:containedctx // It ends when the process is told to, before the contexts of jobs.
}

// NextRetry implements river.Worker.
func (*worker) NextRetry(*river.Job[Args]) time.Time { return time.Now().Add(retryPause) }

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[Args]) error {
	pause, err := w.queue.drainer.Drain(ctx, w.stopping, job.Args.Channel)
	if err != nil {
		return err
	}
	if pause.Empty {
		ended, err := w.end(ctx, job)
		if err != nil || ended {
			return err
		}
	}
	return river.JobSnooze(min(max(0, pause.For), longestWait))
}

// end completes the job unless something waits by now.
func (w *worker) end(ctx context.Context, job *river.Job[Args]) (ended bool, err error) {
	err = pgx.BeginFunc(ctx, w.queue.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `-- SELECT account_stream for share
			select from account_stream where account_id = (select account_id from channel where id = $1) for share`, job.Args.Channel); err != nil {
			return err
		}
		// A statement of its own: that of the lock has waited, and may have seen less.
		var waits bool
		if err := tx.QueryRow(ctx, `-- SELECT delivery
			select exists(select from delivery d join channel c on c.id = d.channel_id where d.channel_id = $1 and d.state = 'waiting' and c.enabled)`,
			job.Args.Channel).Scan(&waits); err != nil || waits {
			return err
		}
		ended = true
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("end the job of channel %s: %w", job.Args.Channel, err)
	}
	return ended, nil
}

// reporter reports what is not expected.
type reporter struct{ tel Telemetry }

// HandleError implements river.ErrorHandler. A database that is away is reported by others.
func (r *reporter) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if apierror.From(err).Kind == apierror.Internal {
		r.tel.Report(ctx, fmt.Errorf("job %d: %w", job.ID, err))
	}
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (r *reporter) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, stack string) *river.ErrorHandlerResult {
	r.tel.Report(ctx, fmt.Errorf("job %d panicked: %v\n%s", job.ID, value, stack))
	return nil
}

// quiet writes River's warnings and errors as warnings, with the error alone: what people must act on, others report.
type quiet struct{ log *slog.Logger }

// Enabled implements slog.Handler.
func (quiet) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler.
func (h quiet) Handle(ctx context.Context, r slog.Record) error {
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" || a.Key == "err" {
			attrs = append(attrs, slog.String("error.message", a.Value.String()))
		}
		return true
	})
	h.log.LogAttrs(ctx, slog.LevelWarn, "the queue of notifications: "+r.Message, attrs...) //nolint:sloglint // River's messages are constants.
	return nil
}

// WithAttrs implements slog.Handler.
func (h quiet) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h quiet) WithGroup(string) slog.Handler { return h }

var _ slog.Handler = quiet{}
