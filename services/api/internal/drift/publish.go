package drift

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/driftsentry/driftsentry/pkg/event"
	"github.com/driftsentry/driftsentry/pkg/hint"
	"github.com/driftsentry/driftsentry/pkg/telemetry"
)

// draft is an event that has no trace and no position yet.
type draft struct {
	event   event.Type
	subject uuid.UUID
	topics  []string
	data    any
}

// publish appends the work's events to the account's stream. Its span is their context: the parent, in another service,
// of the spans that deliver them. It ends after the commit, by which the positions are known.
func (s *Service) publish(ctx context.Context, w *work) error {
	ctx, w.publishing = s.tracer.Start(ctx, "publish", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes( //nolint:spancheck // By end.
		semconv.MessagingSystemKey.String("driftsentry"),
		semconv.MessagingOperationName("publish"),
		semconv.MessagingOperationTypeSend,
		semconv.MessagingDestinationName("events"),
		semconv.MessagingBatchMessageCount(len(w.drafts)),
		attribute.String("driftsentry.account.id", w.account.String()),
		attribute.StringSlice("driftsentry.event.types", w.types()),
	))
	w.hint = hint.Hint{AccountID: w.account, Traceparent: telemetry.Traceparent(ctx)}
	for part := range slices.Chunk(w.drafts, partRows) {
		events := make([]event.Event, len(part))
		for i, d := range part {
			var err error
			if events[i], err = d.make(w, w.hint.Traceparent); err != nil {
				return err
			}
		}
		if err := w.AppendEvents(ctx, w.account, events, &w.hint.Position); err != nil {
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
		if t := string(d.event); !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}

// make completes the event with its CloudEvents body.
func (d draft) make(w *work, traceparent string) (event.Event, error) {
	id := newID()
	data, err := json.Marshal(d.data)
	if err != nil {
		return event.Event{}, fmt.Errorf("encode the data of %s: %w", d.event, err)
	}
	body, err := json.Marshal(event.CloudEvent{
		SpecVersion: "1.0", ID: id, Source: event.Source, Type: d.event, Subject: d.subject.String(),
		Time: event.Time(w.now), DataContentType: "application/json", Traceparent: traceparent, Data: data,
	})
	if err != nil {
		return event.Event{}, fmt.Errorf("encode %s: %w", d.event, err)
	}
	return event.Event{AccountID: w.account, ID: id, Type: d.event, Topics: d.topics, Body: body, Traceparent: traceparent}, nil
}

// drift adds the event of a drift as it is now.
func (w *work) drift(t event.Type, d *Drift, reason string) {
	w.drafts = append(w.drafts, draft{t, d.ID, []string{event.TopicDrifts, event.DriftTopic(d.ID)}, event.DriftData{
		ID: d.ID, Workspace: d.Workspace, ResourceID: d.ResourceID, ResourceType: d.ResourceType,
		Status: string(d.Status), Severity: string(d.Severity), Version: d.Version,
		CostImpactMonthly: d.CostImpactMonthly, Actor: w.actor, Reason: reason,
	}})
}

func (w *work) alertCreated(a *Alert) {
	w.drafts = append(w.drafts, draft{event.AlertCreated, a.ID, alertTopics(a.DriftID), event.AlertData{
		ID: &a.ID, DriftID: a.DriftID, Type: string(a.Type), Severity: string(a.Severity), Title: a.Title,
		Count: 1, Actor: w.actor,
	}})
}

func (w *work) alertRead(a *Alert) {
	w.drafts = append(w.drafts, draft{event.AlertRead, a.ID, alertTopics(a.DriftID), event.AlertData{
		ID: &a.ID, DriftID: a.DriftID, Type: string(a.Type), Severity: string(a.Severity), Title: a.Title,
		IsRead: true, Count: 1, Actor: w.actor,
	}})
}

// alertsRead adds the event that count alerts were marked at once: a drift's, or all of the account.
func (w *work) alertsRead(drift *uuid.UUID, count int) {
	subject := w.account
	if drift != nil {
		subject = *drift
	}
	w.drafts = append(w.drafts, draft{event.AlertRead, subject, alertTopics(drift), event.AlertData{
		DriftID: drift, IsRead: true, Count: count, Actor: w.actor,
	}})
}

func (w *work) checkCompleted(c *Check) {
	w.drafts = append(w.drafts, draft{event.CheckCompleted, c.ID, []string{event.TopicChecks}, event.CheckData{
		ID: c.ID, Workspace: c.Workspace, Status: string(c.Status), Stale: c.Stale, Counts: c.Counts,
	}})
}

func alertTopics(drift *uuid.UUID) []string {
	if drift == nil {
		return []string{event.TopicAlerts}
	}
	return []string{event.TopicAlerts, event.DriftTopic(*drift)}
}
