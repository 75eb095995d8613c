//go:build compose

package compose

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// TestPin pins the images of a small installation, in a registry of its own, to digests. Mutations: lib reads no local/pins.yml; lib does not compare
// it with the tags; deploy/pin takes a tag that was moved; deploy/pin pins what is built here.
func TestPin(t *testing.T) {
	engine(t)
	server := httptest.NewServer(registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo))))
	t.Cleanup(server.Close)
	place := t.TempDir()
	one := strings.Replace(server.Listener.Addr().String(), "127.0.0.1", "localhost", 1) + "/driftsentry-test-one"
	sh := func(script string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		cmd.Dir = place
		cmd.Env = append(os.Environ(), "COMPOSE_PROJECT_NAME="+project+"-pin", "one="+one)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	must := func(script string) string {
		t.Helper()
		out, err := sh(script)
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return out
	}
	refused := func(script, want string) {
		t.Helper()
		if out, err := sh(script); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %s; want %q", script, err, out, want)
		}
	}
	composed := func(tag string) {
		t.Helper()
		text := "services:\n  one: { image: \"" + one + ":" + tag + "\", command: [sleep, infinity], init: true }\n" +
			"  ours: { image: \"driftsentry-test-ours\", build: ., profiles: [never] }\n  ours-too: { image: \"driftsentry-test-ours\", profiles: [never] }\n"
		if err := os.WriteFile(filepath.Join(place, "docker-compose.prod.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_, _ = exec.Command("bash", "-c", `docker ps -aq --filter label=com.docker.compose.project=`+project+`-pin | xargs -r docker rm -f
			docker network rm `+project+`-pin_default; docker images -q `+one+` | sort -u | xargs -r docker rmi -f`).CombinedOutput()
	})
	// push makes an image with this text and gives it the tag in the registry alone.
	push := func(tag, text string) {
		t.Helper()
		must("printf 'FROM busybox:1.37\\nRUN echo " + text + " >/said\\n' | docker build -q -t $one:" + tag + " - && docker push -q $one:" + tag +
			" && docker rmi -f $one:" + tag)
	}
	says := func() string {
		t.Helper()
		return must("deploy/compose --progress quiet up -d --wait && deploy/compose exec -T one cat /said")
	}

	must("cp -r " + whole(t, "deploy") + " deploy")
	composed("1")
	push("1", "first")
	must("deploy/pin")
	if lines := must("grep -c sha256 local/pins.yml"); lines != "1" {
		t.Errorf("%s images are pinned, want one", lines)
	}
	if got := says(); got != "first" {
		t.Errorf("it runs %q", got)
	}

	// The tag is moved. What is pinned stays, also on a machine that has not got it yet.
	push("1", "moved")
	must("deploy/compose --progress quiet down --timeout 1 && docker images -q $one | sort -u | xargs -r docker rmi -f")
	if got := says(); got != "first" {
		t.Errorf("after the tag was moved it runs %q", got)
	}
	refused("deploy/pin", "was moved")
	if got := says(); got != "first" {
		t.Errorf("after a refusal it runs %q", got)
	}
	must("deploy/pin --moved")
	if got := says(); got != "moved" {
		t.Errorf("after --moved it runs %q", got)
	}

	// An upgrade has another tag.
	push("2", "second")
	composed("2")
	refused("deploy/compose config --images", "run deploy/pin")
	must("deploy/pin")
	if got := says(); got != "second" {
		t.Errorf("after the upgrade it runs %q", got)
	}
	must("rm local/pins.yml")
	if got := must("deploy/compose config --images"); got != one+":2" {
		t.Errorf("without pins: %s", got)
	}
}
