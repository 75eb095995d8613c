// Package postgres reads the streams, their heads and the sessions.
package postgres

import (
	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/stream"
)

// Store is the database as realtime sees it; it writes nothing.
type Store struct{ stream.Reader }

// New makes a store.
func New(db *pg.DB) *Store { return &Store{stream.Reader{DB: db}} }
