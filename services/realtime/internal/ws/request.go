package ws

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/event"
)

// The types of a client's messages.
const (
	typeSubscribe   = "subscribe"
	typeUnsubscribe = "unsubscribe"
	typeAuth        = "auth"
	typePing        = "ping"
	typeInvalid     = "invalid" // the label for all other types
)

// request is a client's message, checked.
type request struct {
	Type   string
	ID     string
	Topics []string
	After  *event.Cursor
	Token  string

	hasID bool
}

// id is repeated in the response.
func (r *request) id() *string {
	if !r.hasID {
		return nil
	}
	return &r.ID
}

// message is a client's message as sent. A nil pointer means that the field is absent.
type message struct {
	Type   string    `json:"type"`
	ID     *string   `json:"id"`
	Topics *[]string `json:"topics"`
	After  *string   `json:"after"`
	Token  *string   `json:"token"`
}

const (
	maxIDLength     = 64
	maxTopics       = 100 // of one message
	maxTokenLength  = 4096
	maxCursorLength = 64
)

// parse reads a message. The valid fields of a wrong one are in the request too.
func parse(data []byte) (request, error) {
	r := request{Type: typeInvalid}
	m, err := decode(data)
	if m.ID != nil && *m.ID != "" && utf8.RuneCountInString(*m.ID) <= maxIDLength {
		r.ID, r.hasID = *m.ID, true
	}
	if err != nil {
		return r, err
	}
	fields, ok := messageFields[m.Type]
	if !ok {
		return r, apierror.InvalidField("type", "is not one of subscribe, unsubscribe, auth, ping")
	}
	r.Type = m.Type
	if r.Type == typePing && m.ID == nil {
		return r, m.only(fields)
	}
	if !r.hasID {
		return r, apierror.InvalidField("id", "must be a string of 1 to %d characters", maxIDLength)
	}
	if err := m.only(fields); err != nil {
		return r, err
	}
	err = r.fill(m)
	return r, err
}

// decode is strict: an unknown field is an error.
func decode(data []byte) (m message, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		// Its id may be readable nevertheless.
		var lenient struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(data, &lenient) == nil {
			m.ID = &lenient.ID
		}
		return m, apierror.Wrap(apierror.Invalid, err, "not a message: "+reason(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return m, apierror.New(apierror.Invalid, "not a message: there is more data after the object")
	}
	return m, nil
}

// reason describes a JSON error without repeating the input.
func reason(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return e.Field + " has the wrong type"
	}
	if strings.Contains(err.Error(), "unknown field") {
		return "it has a field that is not known"
	}
	return "it is no JSON object"
}

// messageFields are the fields that a message may have in addition to type and id.
var messageFields = map[string][]string{
	typeSubscribe: {"topics", "after"}, typeUnsubscribe: {"topics"}, typeAuth: {"token"}, typePing: {},
}

func (m *message) only(fields []string) error {
	for name, there := range map[string]bool{"topics": m.Topics != nil, "after": m.After != nil, "token": m.Token != nil} {
		if there && !slices.Contains(fields, name) {
			return apierror.InvalidField(name, "does not belong to this type of message")
		}
	}
	return nil
}

func (r *request) fill(m message) error {
	switch r.Type {
	case typeSubscribe, typeUnsubscribe:
		if m.Topics == nil {
			return apierror.InvalidField("topics", "is required")
		}
		r.Topics = *m.Topics
		if err := checkTopics(r.Topics); err != nil {
			return err
		}
		if m.After == nil {
			return nil
		}
		cursor, err := event.ParseCursor(*m.After)
		if err != nil || len(*m.After) > maxCursorLength {
			return apierror.InvalidField("after", "is not a cursor")
		}
		r.After = &cursor
	case typeAuth:
		if m.Token == nil || *m.Token == "" || len(*m.Token) > maxTokenLength {
			return apierror.InvalidField("token", "is required, with at most %d characters", maxTokenLength)
		}
		r.Token = *m.Token
	}
	return nil
}

func checkTopics(topics []string) error {
	if len(topics) == 0 || len(topics) > maxTopics {
		return apierror.InvalidField("topics", "must be 1 to %d", maxTopics)
	}
	for i, t := range topics {
		switch {
		case !event.ValidTopic(t) || t != strings.ToLower(t):
			return apierror.InvalidField("topics", "unknown topic %.64q", t)
		case slices.Contains(topics[:i], t):
			return apierror.InvalidField("topics", "%q is duplicated", t)
		}
	}
	return nil
}
