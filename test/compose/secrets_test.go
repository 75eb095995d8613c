//go:build compose

package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// generated is what deploy/prepare makes of chance.
var generated = regexp.MustCompile(`[0-9a-f]{48}`)

// discreet looks for the secrets' values where everybody who may talk to the engine, or reads logs, finds them. Mutations that
// it catches: a password as a variable, as an argument, and in the log.
func (s *installation) discreet(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(s.secrets, "*"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range generated.FindAllString(string(text), -1) {
			secrets[value] = filepath.Base(file)
		}
	}
	if len(secrets) < 8 {
		t.Fatalf("%d secrets", len(secrets))
	}
	docker := func(args ...string) string {
		return string(output(t, exec.CommandContext(t.Context(), "docker", args...)))
	}
	images := []string{"driftsentry-api:" + version, "driftsentry-realtime:" + version}
	places := map[string]string{
		"docker inspect of the images": docker(append([]string{"inspect"}, images...)...),
		"the containers' logs":         string(s.run(t, "logs", "--no-color")),
	}
	for _, id := range s.containers(t) {
		text := docker("inspect", id)
		_, name, _ := strings.Cut(text, `"com.docker.compose.service": "`)
		name, _, _ = strings.Cut(name, `"`)
		places["docker inspect of "+name] = text
	}
	for _, image := range images {
		places["docker history of "+image] = docker("history", "--no-trunc", image)
	}
	for place, text := range places {
		if text == "" {
			t.Errorf("%s: there is nothing", place)
		}
		for value, file := range secrets {
			if strings.Contains(text, value) {
				t.Errorf("%s shows %s", place, file)
			}
		}
	}
}
