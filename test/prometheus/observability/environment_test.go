package observability

import (
	"maps"
	"os"
	"regexp"
	"testing"
)

var (
	composeVariable = regexp.MustCompile(`\$\{([A-Z_]+)(?::-([^}]*))?`)
	exampleVariable = regexp.MustCompile(`(?m)^(#?)([A-Z_]+)=(.*)$`)
)

// deploy/env.example has every variable that the compose file reads, with the default that it has there, and no other.
func TestEnvironmentExample(t *testing.T) {
	text := func(path string) string {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	read := map[string]string{}
	for _, m := range composeVariable.FindAllStringSubmatch(text("../../../docker-compose.prod.yml"), -1) {
		read[m[1]] = m[2]
	}
	listed := map[string]string{}
	for _, m := range exampleVariable.FindAllStringSubmatch(text("../../../deploy/env.example"), -1) {
		if m[1] == "" { // Required: the compose file has no default.
			m[3] = ""
		}
		listed[m[2]] = m[3]
	}
	read["SECRETS_DIR"] = ""    // Required at its first mention; the default of the others is never used.
	read["RECENT_SIGN_IN"] = "" // A new installation has another value than one from before, which has no line of it.
	// These are compose's own.
	read["COMPOSE_PROFILES"], read["COMPOSE_FILE"] = "", "docker-compose.prod.yml:local/compose.yml"
	if !maps.Equal(read, listed) {
		t.Errorf("docker-compose.prod.yml and deploy/env.example do not have the same variables and defaults:\nthe compose file reads %v\nthe example has %v", read, listed)
	}
}
