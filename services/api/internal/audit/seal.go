package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
)

// Sealed is a row of the trail as it is stored: what a seal covers.
type Sealed struct {
	// Position orders the rows; that of rows from before seals existed is 0.
	Position   int64
	ID         uuid.UUID
	AccountID  uuid.UUID
	CreatedAt  time.Time
	Action     string
	ActorID    *string
	ActorEmail string
	ActorRole  string
	DriftID    *string
	Subject    string
	Message    string
	TraceID    string
	Metadata   string // as Postgres prints it
}

// Hash is SHA-256.
type Hash = [sha256.Size]byte

// Leaf is the hash of a row. The function audit_leaf of the database computes the same.
func (r *Sealed) Leaf() Hash {
	var b []byte
	text := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // A column holds less than 1 GiB.
		b = append(b, s...)
	}
	optional := func(s *string) {
		if s == nil {
			b = binary.BigEndian.AppendUint32(b, ^uint32(0))
			return
		}
		text(*s)
	}
	b = appendInt(b, r.Position)
	b = append(append(b, r.ID[:]...), r.AccountID[:]...)
	b = appendInt(b, r.CreatedAt.UnixMicro())
	text(r.Action)
	optional(r.ActorID)
	text(r.ActorEmail)
	text(r.ActorRole)
	optional(r.DriftID)
	for _, s := range []string{r.Subject, r.Message, r.TraceID, r.Metadata} {
		text(s)
	}
	return sha256.Sum256(b)
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // Its bits matter, not its value.
}

// The kinds of seals.
const (
	// KindRows covers the rows after the last seal of this kind, up to Position and ID.
	KindRows = "rows"
	// KindRemoved says that the rows up to Position and ID were removed by retention.
	KindRemoved = "removed"
)

// Seal is one link of the chain.
type Seal struct {
	Number   int64
	Kind     string
	Position int64 // the last row's
	ID       uuid.UUID
	Count    int
	NewestAt time.Time // of the rows
	SealedAt time.Time
	Previous []byte // the hash of the seal before this one
	Leaves   []byte // the hashes of the rows, in their order
	Hash     []byte
}

// compute is the hash of all else in the seal.
func (s *Seal) compute() []byte {
	b := []byte("driftsentry audit seal 1\n" + s.Kind + "\n")
	for _, n := range []int64{s.Number, s.Position, int64(s.Count), s.NewestAt.UnixMicro(), s.SealedAt.UnixMicro(), int64(len(s.Previous))} {
		b = appendInt(b, n)
	}
	b = append(append(b, s.ID[:]...), s.Previous...)
	sum := sha256.Sum256(append(b, s.Leaves...))
	return sum[:]
}

// next is the seal after this one, without its contents. The seal before the first has no hash.
func (s *Seal) next(kind string, at time.Time) *Seal {
	// Postgres keeps microseconds.
	return &Seal{Number: s.Number + 1, Kind: kind, SealedAt: at.Truncate(time.Microsecond), Previous: s.Hash}
}

// Next is the seal after last that covers these rows.
func Next(last *Seal, rows []Sealed, at time.Time) *Seal {
	s := last.next(KindRows, at)
	s.Count, s.Leaves = len(rows), make([]byte, 0, len(rows)*sha256.Size)
	for i := range rows {
		leaf := rows[i].Leaf()
		s.Leaves = append(s.Leaves, leaf[:]...)
		if rows[i].CreatedAt.After(s.NewestAt) {
			s.NewestAt = rows[i].CreatedAt
		}
	}
	end := &rows[len(rows)-1]
	s.Position, s.ID = end.Position, end.ID
	s.Hash = s.compute()
	return s
}

// Removed is the seal after last which says that the rows up to the end of another are gone.
func Removed(last, upTo *Seal, rows int, at time.Time) *Seal {
	s := last.next(KindRemoved, at)
	s.Position, s.ID, s.NewestAt, s.Count = upTo.Position, upTo.ID, upTo.NewestAt, rows
	s.Hash = s.compute()
	return s
}

// Mark is a point of the trail. When no transaction runs that had begun to write at that time, nothing can be added at or
// before its position.
type Mark struct {
	Position    int64
	Transaction int64
}

// SealStore is the database of the seals.
type SealStore interface {
	// Mark is the present end of the trail.
	Mark(ctx context.Context) (Mark, error)
	// Settled reports whether nothing can be added any more up to the mark.
	Settled(ctx context.Context, m Mark) (bool, error)
	// Seal adds a seal over the next rows up to a position. It is nil if there are none, or another process is sealing.
	Seal(ctx context.Context, upTo int64) (*Seal, error)
}

// Telemetry receives the worker's reports.
type Telemetry interface {
	Logger() *slog.Logger
	Report(ctx context.Context, err error, attrs ...slog.Attr)
}

// SealInterval is how often a worker seals.
const SealInterval = time.Minute

// Sealer seals the trail. Every replica has one; they take turns.
type Sealer struct {
	store SealStore
	t     Telemetry
	mark  *Mark // is waited for
}

// NewSealer makes a worker.
func NewSealer(store SealStore, t Telemetry) *Sealer { return &Sealer{store: store, t: t} }

// Run seals every SealInterval until ctx ends.
func (s *Sealer) Run(ctx context.Context) error {
	ticker := time.NewTicker(SealInterval)
	defer ticker.Stop()
	for {
		if err := s.Seal(ctx); err != nil && ctx.Err() == nil {
			if apierror.From(err).Kind == apierror.Internal {
				s.t.Report(ctx, fmt.Errorf("seal the audit trail: %w", err))
			} else { // The database is away or busy, of which others tell.
				s.t.Logger().LogAttrs(ctx, slog.LevelWarn, "the audit trail was not sealed", slog.String("error.message", err.Error()))
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Seal seals the rows that are settled. What is not is sealed by a later call.
func (s *Sealer) Seal(ctx context.Context) error {
	if s.mark == nil {
		m, err := s.store.Mark(ctx)
		if err != nil {
			return err
		}
		s.mark = &m
	}
	settled, err := s.store.Settled(ctx, *s.mark)
	if err != nil || !settled {
		return err
	}
	upTo := s.mark.Position
	s.mark = nil
	for {
		made, err := s.store.Seal(ctx, upTo)
		if err != nil || made == nil {
			return err
		}
		// The line is the seal's copy outside of the database.
		s.t.Logger().LogAttrs(ctx, slog.LevelInfo, "sealed the audit trail", slog.Int64("seal", made.Number), slog.String("kind", made.Kind),
			slog.Int("rows", made.Count), slog.String("hash", hex.EncodeToString(made.Hash)), slog.String("previous", hex.EncodeToString(made.Previous)))
	}
}
