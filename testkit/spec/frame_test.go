package spec

import (
	"strings"
	"testing"
)

func TestFrame(t *testing.T) {
	const drift = `{"id":"01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b04","workspace":"w","resourceId":"r","resourceType":"t","status":"approved","severity":"info","version":2,"costImpactMonthly":0.5,"actor":null}`
	event := func(eventType, data string) string {
		return `{"type":"event","topics":["drifts"],"position":1,"cursor":"e:1","event":{"specversion":"1.0","id":"01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b09","source":"/driftsentry/api","type":"` +
			eventType + `","subject":"s","time":"2026-03-02T10:00:00.000Z","datacontenttype":"application/json","data":` + data + `}}`
	}
	for name, c := range map[string]struct {
		direction Direction
		frame     string
		want      string // part of the failure; empty when there is none
	}{
		"a subscribe":                       {FromClient, `{"type":"subscribe","id":"1","topics":["drifts"]}`, ""},
		"a welcome":                         {FromServer, `{"type":"welcome","connectionId":"01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b09","cursor":"e:0","heartbeatMs":1}`, ""},
		"an event":                          {FromServer, event("drift.approved", drift), ""},
		"not JSON":                          {FromServer, `{`, "not JSON"},
		"not an object":                     {FromServer, `[]`, "not a JSON object"},
		"an unknown type":                   {FromServer, `{"type":"hello"}`, `"hello" is not among`},
		"a frame of the other direction":    {FromServer, `{"type":"ping"}`, `"ping" is not among`},
		"a field too many":                  {FromServer, `{"type":"pong","at":1}`, "additional properties 'at'"},
		"a field too few":                   {FromClient, `{"type":"subscribe","id":"1"}`, "missing property 'topics'"},
		"an unknown topic":                  {FromClient, `{"type":"subscribe","id":"1","topics":["users"]}`, "/topics/0"},
		"an error without its trace":        {FromServer, `{"type":"error","code":"AUTH_ERROR","message":"m","traceId":"","id":null}`, "/traceId"},
		"data of another kind of event":     {FromServer, event("check.completed", drift), "/event/data"},
		"a read alert that is not read":     {FromServer, event("alert.read", `{"id":null,"driftId":null,"isRead":false,"count":2,"actor":null}`), "/event/data/isRead"},
		"an event type that does not exist": {FromServer, event("drift.closed", drift), "/event/type"},
		"a drift event with a wrong status": {FromServer, event("drift.approved", strings.Replace(drift, "approved", "done", 1)), "/event/data/status"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &recorder{TB: t}
			Frame(fake, c.direction, []byte(c.frame))
			fake.expect(t, c.want)
		})
	}
}
