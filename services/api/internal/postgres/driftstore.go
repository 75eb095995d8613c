package postgres

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
)

// DriftStore is package drift's database.
type DriftStore struct{ db *pg.DB }

// NewDriftStore makes the store on a pool.
func NewDriftStore(db *pg.DB) *DriftStore { return &DriftStore{db} }

var _ drift.Store = (*DriftStore)(nil)

// InTx implements drift.Store.
func (s *DriftStore) InTx(ctx context.Context, name string, fn func(ctx context.Context, tx drift.Tx) error) error {
	return s.db.InTx(ctx, name, func(ctx context.Context, tx *pg.Tx) error { return fn(ctx, driftTx{streamTx{auditTx{tx}}}) })
}

// driftTx is a transaction of the store.
type driftTx struct{ streamTx }

var _ drift.Tx = driftTx{}

func driftID(d *drift.Drift) uuid.UUID { return d.ID }
