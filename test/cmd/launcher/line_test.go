package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
	"github.com/driftsentry/driftsentry/test/internal/console"
)

func TestLine(t *testing.T) {
	c := console.New(nil, false, 0)
	for name, test := range map[string]struct{ event, want string }{
		"a decision": {
			`{"type":"drift.approved","time":"2026-03-02T10:00:00.000Z","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			"data":{"resourceId":"aws_sg.web","workspace":"prod","status":"approved","severity":"critical","actor":{"email":"ada@example.com","role":"engineer"},"reason":"fine\u001b[2J"}}`,
			"drift.approved   critical aws_sg.web in prod, approved by ada@example.com: fine [2J  trace 4bf92f3577b34da6a3ce929d0e0e4736",
		},
		"an alert":       {`{"type":"alert.created","data":{"severity":"critical","title":"3 critical drifts"}}`, "alert.created    critical 3 critical drifts"},
		"alerts read":    {`{"type":"alert.read","data":{"count":4,"actor":{"role":"engineer"}}}`, "alert.read       4 read by engineer"},
		"a check":        {`{"type":"check.completed","data":{"workspace":"prod","status":"ok","counts":{"new":2,"resolved":1}}}`, "check.completed  ok of prod: 2 new, 0 changed, 0 unchanged, 1 resolved"},
		"an unknown one": {`{"type":"future.thing","data":{"x":1}}`, `future.thing     {"x":1}`},
		"no data":        {`{"type":"drift.created","data":7}`, "drift.created    7"},
	} {
		t.Run(name, func(t *testing.T) {
			var e client.Event
			if err := json.Unmarshal([]byte(test.event), &e.CloudEvent); err != nil {
				t.Fatal(err)
			}
			if got := line(c, e); !strings.Contains(got, test.want) {
				t.Errorf("got  %s\nwant …%s", got, test.want)
			}
		})
	}
}
