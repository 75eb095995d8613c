package httpapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
	"github.com/driftsentry/driftsentry/services/api/internal/notify"
)

func (s *Server) listChannels(w http.ResponseWriter, r *http.Request) error {
	q := newQuery(r)
	page, scope := q.part("channels")
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.options.Notify.Channels(r.Context(), caller(r), page)
	if err != nil {
		return err
	}
	return writePart(w, scope, page, part, appendBody(newChannelBody), func(c notify.Channel) list.Place { return list.At(c.CreatedAt, c.ID) })
}

func (s *Server) getChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	channel, err := s.options.Notify.Channel(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	return rest.OK(w, newChannelBody(*channel))
}

func (s *Server) createChannel(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name       string             `json:"name"`
		Kind       notify.Kind        `json:"kind"`
		URL        string             `json:"url"`
		Events     optional[[]string] `json:"events"`
		Severities optional[[]string] `json:"severities"`
		// Null or absent is every workspace, and every owner.
		Workspaces []string       `json:"workspaces"`
		Owners     []string       `json:"owners"`
		Enabled    optional[bool] `json:"enabled"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	channel, secret, err := s.options.Notify.Create(r.Context(), caller(r), notify.NewChannel{
		Name: body.Name, Kind: body.Kind, URL: body.URL, Enabled: body.Enabled.value == nil || *body.Enabled.value,
		Filter: notify.Filter{Events: given(body.Events), Severities: given(body.Severities), Workspaces: body.Workspaces, Owners: body.Owners},
	})
	if err != nil {
		return err
	}
	return rest.Data(w, http.StatusCreated, savedChannelBody{newChannelBody(*channel), optionalText(secret)})
}

// given are the values of a property, which is not nil if it is there.
func given(o optional[[]string]) []string {
	if o.value == nil {
		return nil
	}
	return append([]string{}, *o.value...)
}

func (s *Server) updateChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var body struct {
		Name       optional[string]   `json:"name"`
		URL        optional[string]   `json:"url"`
		NewSecret  bool               `json:"newSecret"`
		Events     optional[[]string] `json:"events"`
		Severities optional[[]string] `json:"severities"`
		Workspaces nullable[[]string] `json:"workspaces"`
		Owners     nullable[[]string] `json:"owners"`
		Enabled    optional[bool]     `json:"enabled"`
	}
	if err := rest.Decode(w, r, &body); err != nil {
		return err
	}
	channel, secret, err := s.options.Notify.Update(r.Context(), caller(r), id, notify.Change{
		Name: body.Name.value, URL: body.URL.value, NewSecret: body.NewSecret, Events: given(body.Events), Severities: given(body.Severities),
		Workspaces: patterns(body.Workspaces), Owners: patterns(body.Owners), Enabled: body.Enabled.value,
	})
	if err != nil {
		return err
	}
	return rest.OK(w, savedChannelBody{newChannelBody(*channel), optionalText(secret)})
}

func patterns(n nullable[[]string]) notify.Patterns {
	if n.Value == nil {
		return notify.Patterns{Set: n.Set}
	}
	return notify.Patterns{Set: true, Value: append([]string{}, *n.Value...)}
}

func (s *Server) deleteChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := s.options.Notify.Delete(r.Context(), caller(r), id); err != nil {
		return err
	}
	return rest.OK(w, nil)
}

func (s *Server) testChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := decodeNothing(w, r); err != nil {
		return err
	}
	out, took, err := s.options.Notify.Test(r.Context(), caller(r), id)
	if err != nil {
		return err
	}
	return rest.OK(w, newTestBody(out, took))
}

func (s *Server) listDeliveries(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q := newQuery(r)
	states := choices(q, "state", notify.DeliveryStates...)
	page, scope := q.part(q.scope("deliveries "+id.String(), "state"))
	if err := q.err(); err != nil {
		return err
	}
	part, err := s.options.Notify.Deliveries(r.Context(), caller(r), id, states, page)
	if err != nil {
		return err
	}
	return writePart(w, scope, page, part, appendBody(newDeliveryBody), func(d notify.Delivery) list.Place { return list.At(d.CreatedAt, d.ID) })
}

func (s *Server) replayDelivery(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	delivery, err := pathDelivery(r)
	if err != nil {
		return err
	}
	if err := decodeNothing(w, r); err != nil {
		return err
	}
	replayed, err := s.options.Notify.Replay(r.Context(), caller(r), id, delivery)
	if err != nil {
		return err
	}
	return rest.OK(w, newDeliveryBody(*replayed))
}

// pathDelivery is the second UUID in the path.
func pathDelivery(r *http.Request) (uuid.UUID, error) {
	id, err := parseID(chi.URLParam(r, "delivery"))
	if err != nil {
		return uuid.Nil, apierror.InvalidField("delivery", "must be a UUID")
	}
	return id, nil
}
