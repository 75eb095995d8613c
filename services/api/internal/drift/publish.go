package drift

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

// StreamTx writes the account's stream.
type StreamTx interface {
	// AppendEvents gives the events the next positions of the account's stream. It comes last: *last, the last position, is
	// known when the transaction is committed.
	// With a notice, which belongs to the last events of a transaction, channels hear of all of them.
	AppendEvents(ctx context.Context, account uuid.UUID, events []event.Event, notice *notify.Notice, last *int64) error
}

// publish appends the work's events to the account's stream. Its span is their context: the parent, in another service,
// of the spans that deliver them. It ends after the commit: then the positions are known.
func (s *Service) publish(ctx context.Context, w *work) error {
	ctx, w.publishing = s.tracer.Start(ctx, "publish events", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes( //nolint:spancheck // By end.
		semconv.MessagingSystemKey.String("driftsentry"),
		semconv.MessagingOperationName("publish"),
		semconv.MessagingOperationTypeSend,
		semconv.MessagingDestinationName("events"),
		semconv.MessagingBatchMessageCount(len(w.drafts)),
		attribute.String("driftsentry.account.id", w.account.String()),
		attribute.StringSlice("driftsentry.event.types", w.types()),
	))
	w.hint = hint.Hint{AccountID: w.account, Traceparent: telemetry.Traceparent(ctx)}
	published := 0
	for part := range slices.Chunk(w.drafts, partRows) {
		events := make([]event.Event, len(part))
		for i, d := range part {
			var err error
			if events[i], err = d.Event(w.account, uid.New(), w.now, w.hint.Traceparent); err != nil {
				return err
			}
		}
		w.hint.Tag = event.TagOf(events[len(events)-1].ID)
		var notice *notify.Notice
		if published += len(part); published == len(w.drafts) {
			notice = notify.NoticeOf(w.drafts)
		}
		if err := w.AppendEvents(ctx, w.account, events, notice, &w.hint.Position); err != nil {
			return err
		}
	}
	return nil
}

// end ends the span of publish, if there is one.
func (w *work) end() {
	if w != nil && w.publishing != nil {
		w.publishing.End()
	}
}

// types are the types of the work's events, each once.
func (w *work) types() []string {
	var types []string
	for _, d := range w.drafts {
		if t := string(d.Type); !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}

// driftChanged adds the event of a drift as it is now.
func (w *work) driftChanged(t event.Type, d *Drift, reason, comment string) {
	w.drafts = append(w.drafts, event.Draft{Type: t, Subject: d.ID, Topics: []string{event.TopicDrifts, event.DriftTopic(d.ID)}, Data: event.DriftData{
		ID: d.ID, Workspace: d.Workspace, ResourceID: d.ResourceID, ResourceType: d.ResourceType,
		Status: string(d.Status), Severity: string(d.Severity), Version: d.Version,
		CostImpactMonthly: d.CostImpactMonthly, Actor: w.actor, Reason: reason, Owner: d.Owner, Comment: comment, Suppressed: suppression(d),
	}})
}

// suppression is what events say of a suppressed drift; nil of another one.
func suppression(d *Drift) *event.Suppression {
	if !d.IsSuppressed() {
		return nil
	}
	s := event.Suppression{Rule: *d.SuppressedBy, Until: eventTime(d.SuppressedUntil)}
	if d.SuppressedReason != nil {
		s.Reason = *d.SuppressedReason
	}
	return &s
}

// alertChanged adds the event of one alert as it is now; reader is who has read it.
func (w *work) alertChanged(t event.Type, a *Alert, reader *uuid.UUID) {
	w.drafts = append(w.drafts, event.Draft{Type: t, Subject: a.ID, Topics: alertTopics(a.DriftID), Data: event.AlertData{
		ID: &a.ID, DriftID: a.DriftID, Type: string(a.Type), Severity: string(a.Severity), Title: a.Title,
		IsRead: a.IsRead, UserID: reader, Count: 1, Actor: w.actor,
	}})
}

// alertsRead adds the event that count alerts were read at once: a drift's by all, or all of the account by one reader.
func (w *work) alertsRead(drift *uuid.UUID, count int, reader *uuid.UUID) {
	subject := w.account
	if drift != nil {
		subject = *drift
	}
	w.drafts = append(w.drafts, event.Draft{Type: event.AlertRead, Subject: subject, Topics: alertTopics(drift), Data: event.AlertData{
		DriftID: drift, IsRead: true, UserID: reader, Count: count, Actor: w.actor,
	}})
}

func (w *work) checkCompleted(c *Check) {
	w.drafts = append(w.drafts, event.Draft{Type: event.CheckCompleted, Subject: c.ID, Topics: []string{event.TopicChecks}, Data: event.CheckData{
		ID: c.ID, Workspace: c.Workspace, Status: string(c.Status), Stale: c.Stale, Counts: c.Counts,
		Evidence: c.evidence(), RootMismatch: c.RootMismatch, Purpose: string(c.Purpose), FailureReason: c.FailureReason, LeftOut: c.LeftOut.Count,
		Ref: c.Source.Ref, Commit: c.Source.Commit, RunURL: c.Source.RunURL, TriggeredBy: c.Source.TriggeredBy,
	}})
}

// evidence is the check's evidence as events have it.
func (c *Check) evidence() *event.Evidence {
	return &event.Evidence{
		Refreshed: string(c.Evidence.Refreshed), Coverage: string(c.Evidence.Coverage), Mode: string(c.Evidence.Mode),
		Unproven: c.Evidence.Unproven, Reasons: append([]string{}, c.Evidence.Reasons...),
	}
}

func alertTopics(drift *uuid.UUID) []string {
	if drift == nil {
		return []string{event.TopicAlerts}
	}
	return []string{event.TopicAlerts, event.DriftTopic(*drift)}
}

// workspaceUpdated adds the event of a workspace's settings as they are now.
func (w *work) workspaceUpdated(s *WorkspaceState, name string) {
	w.drafts = append(w.drafts, event.Draft{Type: event.WorkspaceUpdated, Subject: s.ID, Topics: []string{event.TopicChecks}, Data: event.WorkspaceData{
		ID: s.ID, Name: name, RecordRef: s.RecordRef, AcceptRoot: s.AcceptRoot,
		Owner: s.Owner, StaleAfter: s.StaleAfter, Archived: s.Archived, Actor: w.actor,
	}})
}
