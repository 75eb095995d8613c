package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Channel is where notifications go.
type Channel struct {
	ID            string      `json:"id"`
	Name          string      `json:"name"`
	Kind          string      `json:"kind"` // slack or webhook
	Host          string      `json:"host"` // of the URL, which is not shown
	Enabled       bool        `json:"enabled"`
	Events        []EventType `json:"events"`
	Severities    []Severity  `json:"severities"`
	Workspaces    []string    `json:"workspaces"` // names and globs; empty is every workspace
	Owners        []string    `json:"owners"`     // empty is every owner, and none
	CreatedAt     time.Time   `json:"createdAt"`
	CreatedBy     string      `json:"createdBy"` // an email
	UpdatedAt     time.Time   `json:"updatedAt"`
	LastSuccessAt time.Time   `json:"lastSuccessAt,omitzero"`
	FailingSince  time.Time   `json:"failingSince,omitzero"` // zero unless the last attempt failed
	LastError     string      `json:"lastError"`
	Waiting       int         `json:"waiting"` // messages
	Parked        int         `json:"parked"`  // messages that were given up
}

// NewChannel is a channel that is to be made. What is empty of the filter is the server's default.
type NewChannel struct {
	Name       string      `json:"name"`
	Kind       string      `json:"kind"` // slack or webhook
	URL        string      `json:"url"`
	Events     []EventType `json:"events,omitempty"`
	Severities []Severity  `json:"severities,omitempty"`
	Workspaces []string    `json:"workspaces,omitempty"`
	Owners     []string    `json:"owners,omitempty"`
}

// ChannelChange has the new values of a channel; nil and empty mean unchanged.
type ChannelChange struct {
	Name       *string     `json:"name,omitempty"`
	URL        *string     `json:"url,omitempty"`
	NewSecret  bool        `json:"newSecret,omitempty"` // makes another secret for a webhook
	Events     []EventType `json:"events,omitempty"`
	Severities []Severity  `json:"severities,omitempty"`
	// Workspaces and Owners: a pointer to a nil slice is all of them.
	Workspaces *[]string `json:"workspaces,omitempty"`
	Owners     *[]string `json:"owners,omitempty"`
	Enabled    *bool     `json:"enabled,omitempty"`
}

// SavedChannel is a channel after a change. Secret signs the messages of a webhook, and is shown once.
type SavedChannel struct {
	Channel Channel `json:"channel"`
	Secret  string  `json:"secret"` // whsec_…; empty when no secret was made
}

// ChannelTest is the result of a test message.
type ChannelTest struct {
	Delivered  bool   `json:"delivered"`
	Status     int    `json:"status"` // of the response; zero when there was none
	Error      string `json:"error"`
	DurationMs int64  `json:"durationMs"`
}

// Delivery is one message for one channel.
type Delivery struct {
	ID            string    `json:"id"`    // a webhook gets it as webhook-id
	State         string    `json:"state"` // waiting, delivered or parked
	Attempts      int       `json:"attempts"`
	CreatedAt     time.Time `json:"createdAt"`
	NextAttemptAt time.Time `json:"nextAttemptAt,omitzero"` // zero unless it waits
	ExpiresAt     time.Time `json:"expiresAt"`
	FinishedAt    time.Time `json:"finishedAt,omitzero"`
	LastStatus    int       `json:"lastStatus"` // zero when there was no response
	LastError     string    `json:"lastError"`
	FirstPosition int64     `json:"firstPosition"` // of its events in the stream
	LastPosition  int64     `json:"lastPosition"`
	TraceID       string    `json:"traceId"`
}

func channelPath(id, rest string) string { return "/api/v1/channels/" + url.PathEscape(id) + rest }

// ListChannels returns a page of the account's channels, oldest first.
func (c *Client) ListChannels(ctx context.Context, p Page) (List[Channel], error) {
	return list[Channel](ctx, c, "/api/v1/channels", url.Values{}, p)
}

// Channels returns all channels of the account.
func (c *Client) Channels(ctx context.Context) iter.Seq2[Channel, error] {
	return all(func(p Page) (List[Channel], error) { return c.ListChannels(ctx, p) })
}

// GetChannel returns one channel.
func (c *Client) GetChannel(ctx context.Context, id string) (Channel, error) {
	return get[Channel](ctx, c, channelPath(id, ""), nil)
}

// CreateChannel makes a channel.
func (c *Client) CreateChannel(ctx context.Context, n NewChannel) (SavedChannel, error) {
	return post[SavedChannel](ctx, c, "/api/v1/channels", n)
}

// UpdateChannel changes a channel.
func (c *Client) UpdateChannel(ctx context.Context, id string, change ChannelChange) (SavedChannel, error) {
	return patch[SavedChannel](ctx, c, channelPath(id, ""), change)
}

// DeleteChannel deletes a channel. What waits for it is not delivered.
func (c *Client) DeleteChannel(ctx context.Context, id string) error {
	return c.send(ctx, request{method: http.MethodDelete, path: channelPath(id, ""), repeatable: true}, nil)
}

// TestChannel sends a test message.
func (c *Client) TestChannel(ctx context.Context, id string) (ChannelTest, error) {
	return post[ChannelTest](ctx, c, channelPath(id, "/test"), struct{}{})
}

// ListDeliveries returns a page of a channel's messages, newest first: those in a state, or all when it is empty.
func (c *Client) ListDeliveries(ctx context.Context, channel, state string, p Page) (List[Delivery], error) {
	v := url.Values{}
	set(v, "state", state)
	return list[Delivery](ctx, c, channelPath(channel, "/deliveries"), v, p)
}

// ReplayDelivery sends a message that was given up again.
func (c *Client) ReplayDelivery(ctx context.Context, channel, delivery string) (Delivery, error) {
	return post[Delivery](ctx, c, channelPath(channel, "/deliveries/"+url.PathEscape(delivery)+"/replay"), struct{}{})
}
