//go:build compose

package compose

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// generated is what deploy/prepare makes of chance.
var generated = regexp.MustCompile(`[0-9a-f]{48}`)

// generatedSecrets are the values that deploy/prepare has made, with the names of their files.
func (s *installation) generatedSecrets(t *testing.T) map[string]string {
	t.Helper()
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
	if len(secrets) < 9 {
		t.Fatalf("%d secrets", len(secrets))
	}
	return secrets
}

// discreet looks for the secrets' values where anyone with access to the engine or the logs can find them. Mutations
// that were tried, both caught: a secret as a variable of a container, and one that a container prints.
func (s *installation) discreet(t *testing.T) {
	secrets := s.generatedSecrets(t)
	docker := func(args ...string) string {
		return string(output(t, exec.CommandContext(t.Context(), "docker", args...)))
	}
	images := []string{"driftsentry-api:" + version, "driftsentry-realtime:" + version}
	places := map[string]string{
		"docker inspect of the images": docker(append([]string{"inspect"}, images...)...),
	}
	for _, id := range s.containers(t) {
		text := docker("inspect", id)
		_, name, _ := strings.Cut(text, `"com.docker.compose.service": "`)
		name, _, _ = strings.Cut(name, `"`)
		name += " " + id[:12]
		places["docker inspect of "+name] = text
		// Not compose's logs, which leave out a last line without an end.
		log, err := exec.CommandContext(t.Context(), "docker", "logs", id).CombinedOutput()
		if err != nil {
			t.Errorf("the log of %s: %v", name, err)
		}
		places["the log of "+name] = string(log)
	}
	for _, image := range images {
		places["docker history of "+image] = docker("history", "--no-trunc", image)
	}
	if all := strings.Join(slices.Collect(maps.Values(places)), ""); !strings.Contains(all, `"msg":"configuration"`) || !strings.Contains(all, "/run/secrets/jwt_secret") {
		t.Error("neither logs nor environments were read")
	}
	for place, text := range places {
		for value, file := range secrets {
			if strings.Contains(text, value) {
				t.Errorf("%s shows %s", place, file)
			}
		}
	}
}
