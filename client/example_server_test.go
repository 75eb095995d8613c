package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/coder/websocket"
)

// address is that of a server with the responses of the examples.
var address = httptest.NewServer(exampleServer()).URL

const planJSON = `{"format_version":"1.2","complete":true,"resource_drift":[]}`

func exampleServer() http.Handler {
	const (
		drift = `{"id":"01999f6c-0a4e-7c55-9d2c-6f2f0f9a1b04","resourceId":"aws_security_group.web","severity":"critical",
			"difference":{"ingress[0].cidr":{"expected":"10.0.0.0/8","actual":"0.0.0.0/0"}}}`
		event = `{"type":"event","topics":["drifts"],"position":1730,"cursor":"5f1c20a4be07:1730","event":{"type":"drift.approved",
			"data":{"resourceId":"aws_security_group.web"}}}`
	)
	mux := http.NewServeMux()
	for route, data := range map[string]string{
		"POST /api/v1/auth/login":  `{"accessToken":"a","refreshToken":"r","expiresIn":900}`,
		"POST /api/v1/ingest/plan": `{"check":{"workspace":"network-prod","status":"drifted"},"drifts":[` + drift + `]}`,
		"GET /api/v1/drifts":       `{"items":[` + drift + `],"pagination":{"hasMore":false}}`,
	} {
		mux.HandleFunc(route, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"success":true,"data":%s}`, data) })
	}
	mux.HandleFunc("POST /api/v1/drifts/{id}/approve", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"success":false,"error":{"code":"CONFLICT","message":"the drift has changed since version 1","details":null,"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}}`)
	})
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"driftsentry.v1"}})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		for _, frame := range []string{`{"type":"welcome","connectionId":"c","cursor":"5f1c20a4be07:1730","heartbeatMs":25000}`, `{"type":"ack","id":"subscribe"}`, event} {
			_ = conn.Write(r.Context(), websocket.MessageText, []byte(frame))
		}
		<-conn.CloseRead(r.Context()).Done()
	})
	return mux
}
