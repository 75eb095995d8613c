package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/audit"
)

// endChannels turns off the channels of a user who may make none any more, or hands them over to the admin that endKeys has
// checked. Everyone who has its URL gets what a channel sends.
func (s *Service) endChannels(ctx context.Context, tx Tx, by audit.Actor, user User, to *uuid.UUID) error {
	message, metadata := "the channel was turned off: its maker is no active admin any more", map[string]any{"user": user.ID, "enabled": false}
	var names []string
	var err error
	if to == nil {
		names, err = tx.TurnChannelsOff(ctx, user.AccountID, user.ID, s.now())
	} else {
		message, metadata = "the channel was handed over: its maker is no active admin any more", map[string]any{"user": user.ID, "handedOverTo": *to}
		names, err = tx.HandChannelsOver(ctx, user.AccountID, user.ID, *to)
	}
	for _, name := range names {
		if err != nil {
			break
		}
		err = s.record(ctx, tx, user.AccountID, by, actionChannelUpdated, name, message, metadata)
	}
	return err
}
