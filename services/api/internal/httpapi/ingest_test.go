package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

const ingestPath = "/api/v1/ingest/plan?workspace=prod"

// plans is where package plan has its own.
const plans = "../plan/testdata/plans"

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(plans, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipped(t *testing.T, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, part := range parts {
		if _, err := z.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestIngest(t *testing.T) {
	api := apitest.Start(t)
	plan := fixture(t, "refresh_only_tf1.11.4.json")
	var answer struct {
		Check  struct{ Status string }
		Drifts []driftBody
	}
	first := api.Key.Post(ingestPath, plan).Want(200)
	first.Decode(&answer)
	if answer.Check.Status != "drifted" || len(answer.Drifts) != 4 {
		t.Errorf("%s", first.Body)
	}
	t.Run("gzip is the same body", func(t *testing.T) {
		again := api.Engineer.Post(ingestPath, zipped(t, plan), "Content-Encoding", "gzip").Want(200)
		if !bytes.Equal(again.Body, first.Body) {
			t.Errorf("the same plan got %s", again.Body)
		}
	})
	// Mutation: the response is made anew of the stored check.
	t.Run("a response that the previous version stored is given again byte by byte", func(t *testing.T) {
		want := bytes.Replace(first.Body, []byte(`{"check":`), []byte(`{ "check" : `), 1)
		stored := bytes.TrimSuffix(bytes.TrimPrefix(want, []byte(`{"success":true,"data":`)), []byte("}"))
		if _, err := api.DB.Exec(t.Context(), "update workspace_check set answer = $1", string(stored)); err != nil {
			t.Fatal(err)
		}
		if again := api.Key.Post(ingestPath, plan).Want(200); !bytes.Equal(again.Body, want) {
			t.Errorf("%s\nwant\n%s", again.Body, want)
		}
	})
	t.Run("an Idempotency-Key gets the first response", func(t *testing.T) {
		small := []byte(`{"format_version":"1.2","complete":false}`)
		a := api.Key.Post(ingestPath, small, "Idempotency-Key", "one").Want(200)
		b := api.Key.Post(ingestPath, small, "Idempotency-Key", "one").Want(200)
		if !bytes.Equal(a.Body, b.Body) || b.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("%s, then %s", a.Body, b.Body)
		}
		api.Key.Post(ingestPath, []byte(`{"format_version":"1.2","complete":true}`), "Idempotency-Key", "one").Want(409)
	})
	// The client holds each answer against the API's document.
	files, err := filepath.Glob(filepath.Join(plans, "..", "*", "*.json"))
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.Contains(file, "case08") { // Lines around a plan are no JSON, which the document asks for.
			continue
		}
		plan, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{"", "&scope=full", "&scope=partial&include=changes"} {
			want := 200
			if strings.Contains(file, "case02-legacy") { // by a Terraform that cannot show drift
				want = 400
			}
			api.Key.Post("/api/v1/ingest/plan?workspace="+filepath.Base(file)+query, plan).Want(want)
		}
	}
	api.Viewer.Get("/api/v1/drifts?limit=100").Want(200)
	api.Key.Wrong().Post(ingestPath, fixture(t, "plan_stream_tf1.11.4.jsonl")).Want(400)
	api.Viewer.Post(ingestPath, plan).Want(403)
}

// TestAttackUpload: a body that is not what it says it is gets a refusal, and leaves nothing. Mutations, each
// caught in the case named: no maxRatio (a bomb), no RequireJSON (text/plain), no check after the plan's end (more after it).
func TestAttackUpload(t *testing.T) {
	api := apitest.Start(t)
	plan := fixture(t, "clean_tf1.11.4.json")
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	bomb := make([][]byte, 4)
	for i := range bomb {
		bomb[i] = spaces
	}
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		status   int
	}{
		"not gzip":              {plan, "gzip", 400},
		"gzip that breaks off":  {zipped(t, plan)[:200], "gzip", 400},
		"gzip that is not said": {zipped(t, plan), "", 400},
		"another encoding":      {plan, "br", 415},
		"a bomb":                {zipped(t, bomb...), "gzip", 413},
		"a bomb in a bomb":      {zipped(t, zipped(t, bomb...)), "gzip", 400},
		"gzip twice":            {zipped(t, zipped(t, plan)), "gzip, gzip", 415},
		"gzip and rubbish":      {append(zipped(t, plan), "rubbish"...), "gzip", 400},
		"a bomb at the end":     {append(zipped(t, plan), zipped(t, bomb...)...), "gzip", 413},
		"nothing":               {[]byte{}, "", 400},
		"cut off":               {plan[:len(plan)/2], "", 400},
		"more after it":         {append(bytes.Clone(plan), plan...), "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			if a := api.Key.Wrong().Post(ingestPath, c.body, "Content-Encoding", c.encoding); a.Status != c.status {
				t.Errorf("status %d, want %d: %s", a.Status, c.status, a.Body)
			}
		})
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "a/b/c", ","} {
		api.Key.Wrong().Post(ingestPath, plan, "Content-Type", kind).Want(415)
	}

	var workspaces []any
	api.Viewer.Get("/api/v1/workspaces").Want(200).Decode(&workspaces)
	if len(workspaces) != 0 {
		t.Errorf("a refused plan left %v", workspaces)
	}
}
