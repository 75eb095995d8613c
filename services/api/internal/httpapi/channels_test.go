package httpapi_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
	"github.com/driftsentry/driftsentry/services/api/internal/identity"
	"github.com/driftsentry/driftsentry/testkit/oidctest"
	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// channelPath makes a channel that leads nowhere, and gives its path.
func channelPath(api *apitest.API) string {
	var made struct{ Channel struct{ ID string } }
	api.Admin.Post("/api/v1/channels", map[string]any{"name": uuid.NewString(), "kind": "webhook", "url": "https://hooks.invalid/x", "enabled": false}).
		Want(201).Decode(&made)
	return "/api/v1/channels/" + made.Channel.ID
}

const insertParked = `insert into delivery (id, account_id, channel_id, first_position, last_position, state, attempts, expires_at, finished_at, last_error)
	select $2, account_id, id, 1, 1, 'parked', 3, now(), now(), 'status 500' from channel where id = $1`

// parkedDelivery makes a delivery of a channel that was given up.
func parkedDelivery(api *apitest.API, channel string) uuid.UUID {
	id := uuid.New()
	_, err := api.DB.Exec(context.Background(), insertParked, path.Base(channel), id)
	if err != nil {
		panic(err)
	}
	return id
}

// TestChannels: an admin makes, changes and deletes channels; what is wrong is named, and another account's are not there.
//
// Mutations: any line of input.go; the limit of channels; each account in a query.
func TestChannels(t *testing.T) {
	api := apitest.Start(t)
	base := map[string]any{"name": "network team", "kind": "slack", "url": "https://hooks.invalid/services/T0/B0/s3cret"}
	with := func(more ...any) map[string]any {
		body := map[string]any{}
		maps.Copy(body, base)
		for i := 0; i < len(more); i += 2 {
			body[more[i].(string)] = more[i+1]
		}
		return body
	}
	for field, body := range map[string]map[string]any{
		"name": with("name", ""), "name ": with("name", "a\nb"), "kind": with("kind", "mail"), "url": with("url", "hooks.invalid"),
		"url ": with("url", "http://hooks.invalid/"), "url  ": with("url", "https://user:pass@hooks.invalid/"), "url   ": with("url", "https://hooks.invalid/#x"),
		"url    ": with("url", "https:///x"), "url     ": with("url", "https://"+strings.Repeat("x", 2050)), "url      ": with("url", "ftp://hooks.invalid/"),
		"events": with("events", []string{}), "events ": with("events", []string{"alert.created"}), "events  ": with("events", []string{"drift.created", "drift.created"}),
		"severities": with("severities", []string{"fatal"}), "workspaces": with("workspaces", []string{"a/**"}), "workspaces ": with("workspaces", []string{"[a"}),
		"owners": with("owners", []string{" "}), "owners ": with("owners", []string{}),
	} {
		got := api.Admin.Wrong().Post("/api/v1/channels", body).Want(400)
		if got.Error.Details == nil || len(got.Error.Details.Errors) != 1 || got.Error.Details.Errors[0].Field != strings.TrimSpace(field) {
			t.Errorf("%s: %s", field, got.Body)
		}
	}
	var made struct {
		Channel struct {
			ID                 string
			Events, Severities []string
		}
		Secret *string
	}
	created := api.Admin.Post("/api/v1/channels", base).Want(201)
	created.Decode(&made)
	if len(made.Channel.Events) != 5 || len(made.Channel.Severities) != 2 || made.Secret != nil {
		t.Errorf("the defaults: %s", created.Body)
	}
	place := "/api/v1/channels/" + made.Channel.ID
	api.Admin.Post("/api/v1/channels", base).Want(409)
	if got := api.Admin.Do(http.MethodPatch, place, map[string]any{"newSecret": true}).Want(400); got.Error.Details.Errors[0].Field != "newSecret" {
		t.Errorf("%s", got.Body)
	}
	api.Admin.Do(http.MethodPatch, place, map[string]any{"workspaces": []string{"a/*"}, "owners": []string{"team"}, "enabled": false}).Want(200)
	if got := api.Admin.Do(http.MethodPatch, place, map[string]any{"workspaces": nil}).Want(200); !strings.Contains(string(got.Body), `"workspaces":null,"owners":["team"]`) ||
		!strings.Contains(string(got.Body), `"enabled":false`) {
		t.Errorf("null is every workspace: %s", got.Body)
	}
	api.Admin.Wrong().Do(http.MethodPatch, place, struct{}{}).Want(400)
	for _, of := range []string{place, place + "/deliveries"} {
		api.Admin.Get(of).Want(200)
		api.Other.Get(of).Want(404)
		api.Engineer.Get(of).Want(403)
	}
	api.Other.Do(http.MethodPatch, place, map[string]any{"enabled": true}).Want(404)
	api.Other.Do(http.MethodDelete, place, nil).Want(404)
	api.Other.Post(place+"/test", struct{}{}).Want(404)
	delivery := parkedDelivery(api, place)
	replay := place + "/deliveries/" + delivery.String() + "/replay"
	api.Other.Post(replay, struct{}{}).Want(404)
	api.Admin.Post(replay, struct{}{}).Want(200)
	if got := api.Admin.Post(replay, struct{}{}).Want(409); !strings.Contains(got.Error.Message, "waiting") {
		t.Errorf("%s", got.Body)
	}
	if got := api.Admin.Get(place + "/deliveries?state=parked,waiting").Want(200); !strings.Contains(string(got.Body), delivery.String()) {
		t.Errorf("%s", got.Body)
	}
	api.Admin.Do(http.MethodDelete, place, nil).Want(200)
	api.Admin.Get(place).Want(404)
	for action, want := range map[string]int{"channel.created": 1, "channel.updated": 2, "delivery.replayed": 1, "channel.deleted": 1} {
		if n := pgtest.Value[int](t, api.DB, "select count(*) from audit where action = $1 and actor_role = 'admin'", action); n != want {
			t.Errorf("%d audit rows of %s, want %d", n, action, want)
		}
	}
	for i := range 50 {
		api.Admin.Post("/api/v1/channels", with("name", fmt.Sprint("channel ", i))).Want(201)
	}
	if got := api.Admin.Post("/api/v1/channels", with("name", "one more")).Want(409); !strings.Contains(got.Error.Message, "50 channels") {
		t.Errorf("%s", got.Body)
	}
}

// TestAttackChannelOfALeaver: who is no admin any more hears nothing through the channels that they made, unless another admin takes
// them. Mutations: endChannels left out; TurnChannelsOff without its account.
func TestAttackChannelOfALeaver(t *testing.T) {
	api := apitest.Start(t)
	enabled := func(id string) bool {
		return pgtest.Value[bool](t, api.DB, "select enabled from channel where id = $1", id)
	}
	for name, c := range map[string]struct {
		change map[string]any
		want   bool
	}{
		"deactivated": {map[string]any{"isActive": false}, false},
		"demoted":     {map[string]any{"role": "engineer"}, false},
		"handed over": {map[string]any{"isActive": false, "handOverTo": api.Admin.User.ID}, true},
	} {
		t.Run(name, func(t *testing.T) {
			leaver := api.NewUser("acme", identity.Admin)
			var made struct{ Channel struct{ ID string } }
			leaver.Post("/api/v1/channels", map[string]string{"name": uuid.NewString(), "kind": "slack", "url": "https://hooks.invalid/x"}).Want(201).Decode(&made)
			api.Admin.Do(http.MethodPatch, "/api/v1/users/"+leaver.User.ID.String(), c.change).Want(200)
			if got := enabled(made.Channel.ID); got != c.want {
				t.Errorf("enabled: %t, want %t", got, c.want)
			}
			if n := pgtest.Value[int](t, api.DB, "select count(*) from audit where action = 'channel.updated' and metadata->>'user' = $1", leaver.User.ID.String()); n != 1 {
				t.Errorf("%d audit rows", n)
			}
		})
	}
}

// TestAttackChannelSecrets: the URL and the secret of a channel are in no response but that of its creation, in no log line, span or
// audit row, and in no table. Mutations: the target unsealed; the URL in facts; a url.Error in why; newChannelBody with Target.
func TestAttackChannelSecrets(t *testing.T) {
	api := apitest.Start(t, "OUTGOING_NETWORKS=127.0.0.0/8")
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	t.Cleanup(receiver.Close)
	const canary = "c4n4ry-of-a-path"
	var made struct {
		Channel struct{ ID string }
		Secret  string
	}
	api.Admin.Post("/api/v1/channels", map[string]string{"name": "one", "kind": "webhook", "url": receiver.URL + "/" + canary}).Want(201).Decode(&made)
	place := "/api/v1/channels/" + made.Channel.ID
	var seen []string
	for _, got := range []*apitest.Response{
		api.Admin.Post(place+"/test", struct{}{}).Want(200),
		api.Admin.Do(http.MethodPatch, place, map[string]any{"name": "another", "url": "http://127.0.0.1:1/" + canary}).Want(200),
		api.Admin.Post(place+"/test", struct{}{}).Want(200), // No server is there.
		api.Admin.Get(place).Want(200), api.Admin.Get("/api/v1/channels").Want(200), api.Admin.Get("/api/v1/audit").Want(200),
	} {
		seen = append(seen, string(got.Body))
	}
	seen = append(seen, api.Telemetry.Output(), fmt.Sprintf("%+v", api.Telemetry.Spans()), pgtest.Value[string](t, api.DB,
		"select string_agg(channel::text, '') || (select string_agg(audit::text, '') from audit) || (select string_agg(encode(target, 'escape'), '') from channel) from channel"))
	for i, text := range seen {
		if strings.Contains(text, canary) || strings.Contains(text, made.Secret) {
			t.Errorf("%d shows the URL or the secret: %.300s", i, text)
		}
	}
}

// TestOldNameOfNetworks: NOTIFY_ALLOWED_NETWORKS still lets channels lead to its networks, and nothing else. Mutations: receivers without it;
// outgoing with it.
func TestOldNameOfNetworks(t *testing.T) {
	api, host := apitest.Start(t, "NOTIFY_ALLOWED_NETWORKS=127.0.0.0/8", "OUTGOING_CA="+oidctest.CA()), oidctest.NewIssuer(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	for _, url := range []string{receiver.URL, host.URL} { // The second has a certificate of OUTGOING_CA.
		var made struct{ Channel struct{ ID string } }
		api.Admin.Post("/api/v1/channels", map[string]string{"name": url, "kind": "webhook", "url": url}).Want(201).Decode(&made)
		if got := api.Admin.Post("/api/v1/channels/"+made.Channel.ID+"/test", struct{}{}).Want(200); strings.Contains(string(got.Body), "no connection") || strings.Contains(string(got.Body), "not public") {
			t.Errorf("%s", got.Body)
		}
	}
	asked := host.Requests()
	trust(api.Admin, host, nil)
	send(api, host.Token(ciAudience, ciSubject, nil), "network").Want(http.StatusServiceUnavailable)
	if host.Requests() != asked {
		t.Error("an issuer in a network that is allowed for notifications alone was asked")
	}
}

// TestAttackInnerReceiver: a channel does not lead into the network that the service stands in, by any way of writing the address.
// Mutation: courier without the Guard.
func TestAttackInnerReceiver(t *testing.T) {
	api := apitest.Start(t)
	reached := make(chan struct{}, 1)
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	t.Cleanup(receiver.Close)
	port := receiver.URL[strings.LastIndex(receiver.URL, ":"):]
	for i, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "169.254.169.254", "10.0.0.1", "100.64.0.1", "0.0.0.0"} {
		var made struct{ Channel struct{ ID string } }
		api.Admin.Post("/api/v1/channels", map[string]string{"name": fmt.Sprint(i), "kind": "webhook", "url": "https://" + host + port + "/"}).Want(201).Decode(&made)
		var got struct {
			Delivered bool
			Error     string
		}
		api.Admin.Post("/api/v1/channels/"+made.Channel.ID+"/test", struct{}{}).Want(200).Decode(&got)
		if got.Delivered || !strings.Contains(got.Error, "not public") && !strings.Contains(got.Error, "no connection") {
			t.Errorf("%s: %+v", host, got)
		}
	}
	select {
	case <-reached:
		t.Error("the receiver was reached")
	default:
	}
}
