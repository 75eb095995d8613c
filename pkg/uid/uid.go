// Package uid makes the ids of everything that the services store or name.
package uid

import "github.com/google/uuid"

// New makes a UUID of version 7. Its order is the order in which ids are made, so an index on it grows at its end.
func New() uuid.UUID { return uuid.Must(uuid.NewV7()) }
