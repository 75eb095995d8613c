package apiclient

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestClient_Post(t *testing.T) {
	var got *http.Request
	var body []byte
	answer := func(status int, text string) Client {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			w.Header().Set("X-Correlation-ID", "abc")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}))
		t.Cleanup(server.Close)
		return Client{Base: server.URL, Token: "tok"}
	}

	t.Run("sends JSON as the token's owner and reads the data", func(t *testing.T) {
		s, err := answer(200, `{"success":true,"data":{"accessToken":"a","refreshToken":"r","expiresIn":900}}`).SignIn(t.Context(), "a@b.c", "pw")
		if err != nil || s != (Session{"a", "r", 900}) {
			t.Errorf("session = %+v, %v", s, err)
		}
		if string(body) != `{"email":"a@b.c","password":"pw"}` || got.Header.Get("Authorization") != "Bearer tok" || got.URL.Path != "/api/v1/auth/login" {
			t.Errorf("sent %s %s with %v", got.URL, body, got.Header)
		}
	})
	t.Run("sends bytes and headers as they are", func(t *testing.T) {
		if err := answer(200, `{"success":true,"data":null}`).Post(t.Context(), "/x?y=z", []byte(" {} "), nil, "Traceparent", "00-1"); err != nil {
			t.Fatal(err)
		}
		if string(body) != " {} " || got.Header.Get("Traceparent") != "00-1" || got.URL.RawQuery != "y=z" {
			t.Errorf("sent %s %q with %v", got.URL, body, got.Header)
		}
	})
	t.Run("gives an error with its code and trace", func(t *testing.T) {
		_, err := answer(401, `{"success":false,"error":{"code":"AUTH_ERROR","message":"no","details":null,"traceId":"4bf9"}}`).Refresh(t.Context(), "r")
		e, ok := errors.AsType[*Error](err)
		if !ok || *e != (Error{401, "AUTH_ERROR", "no", "4bf9"}) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("survives an answer that is not JSON", func(t *testing.T) {
		err := answer(502, "<html>").Post(t.Context(), "/", nil, nil)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Status != 502 || e.TraceID != "abc" {
			t.Errorf("err = %v", err)
		}
	})
}
