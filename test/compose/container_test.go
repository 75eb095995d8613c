//go:build compose

package compose

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	megabyte     = 1e6
	largestImage = 40 * megabyte
	mostAtRest   = 2 << 30
)

// inspect decodes docker's description of containers or images.
func inspect(t *testing.T, into any, names ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", append([]string{"inspect"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

// containers are the IDs of those of some services, or of all, whether they run or not.
func (s *installation) containers(t *testing.T, services ...string) []string {
	t.Helper()
	return strings.Fields(string(s.run(t, append([]string{"ps", "--all", "--quiet", "--no-trunc"}, services...)...)))
}

func (s *installation) images(t *testing.T) {
	for _, name := range []string{"api", "realtime"} {
		tag := "driftsentry-" + name + ":" + version
		var images []struct {
			Size   int64
			Config struct {
				User, StopSignal string
				Entrypoint       []string
				Env              []string
				Labels           map[string]string
				Healthcheck      struct{ Test []string }
			}
		}
		inspect(t, &images, tag)
		image, config := images[0], images[0].Config
		t.Logf("%s: %.1f MB", name, float64(image.Size)/megabyte)
		program := "/usr/local/bin/" + name
		switch label := "org.opencontainers.image."; {
		case image.Size > largestImage:
			t.Errorf("%s has %d bytes", name, image.Size)
		case config.User != "65532:65532" || config.StopSignal != "SIGTERM" || !slices.Equal(config.Entrypoint, []string{program}):
			t.Errorf("%s: %+v", name, config)
		case !slices.Equal(config.Healthcheck.Test, []string{"CMD", program, "healthcheck"}):
			t.Errorf("%s: health check %q", name, config.Healthcheck.Test)
		case !slices.Contains(config.Env, "APP_ENV=production"):
			t.Errorf("%s: environment %q", name, config.Env)
		case config.Labels[label+"version"] != version || config.Labels[label+"revision"] != commit || config.Labels[label+"licenses"] != "Apache-2.0":
			t.Errorf("%s: labels %v", name, config.Labels)
		}
		said := output(t, exec.CommandContext(t.Context(), "docker", "run", "--rm", "--network=none", tag, "version"))
		if want := fmt.Sprintf("%s %s (%s)\n", name, version, commit); string(said) != want {
			t.Errorf("%s says it is %q, want %q", name, said, want)
		}
	}
}

func (s *installation) confined(t *testing.T) {
	t.Helper()
	var containers []struct {
		Config struct {
			User   string
			Labels map[string]string
		}
		HostConfig struct {
			ReadonlyRootfs, Privileged bool
			CapAdd, CapDrop            []string
			SecurityOpt                []string
			PortBindings               map[string]any
			Memory, NanoCpus           int64
			RestartPolicy              struct{ Name string }
			LogConfig                  struct{ Config map[string]string }
		}
	}
	inspect(t, &containers, s.containers(t)...)
	if len(containers) < 8 {
		t.Fatalf("%d containers", len(containers))
	}
	for _, c := range containers {
		name, host := c.Config.Labels["com.docker.compose.service"], c.HostConfig
		mayAdd := map[string][]string{"caddy": {"NET_BIND_SERVICE"}, "volumes": {"CHOWN"}}[name]
		for i := range host.CapAdd {
			host.CapAdd[i] = strings.TrimPrefix(host.CapAdd[i], "CAP_")
		}
		user, _, _ := strings.Cut(c.Config.User, ":")
		switch {
		case !host.ReadonlyRootfs:
			t.Errorf("%s can write to its root", name)
		case host.Privileged || !slices.Equal(host.CapDrop, []string{"ALL"}) || !slices.Equal(host.CapAdd, mayAdd):
			t.Errorf("%s has capabilities: drop %v, add %v", name, host.CapDrop, host.CapAdd)
		case !slices.Contains(host.SecurityOpt, "no-new-privileges:true"):
			t.Errorf("%s may gain privileges: %v", name, host.SecurityOpt)
		// The volumes' owners are changed by root alone.
		case name != "volumes" && (user == "" || user == "0" || user == "root"):
			t.Errorf("%s runs as root", name)
		case name != "caddy" && len(host.PortBindings) > 0:
			t.Errorf("%s publishes %v", name, host.PortBindings)
		case host.Memory == 0 || host.NanoCpus == 0:
			t.Errorf("%s has no limit: memory %d, CPU %d", name, host.Memory, host.NanoCpus)
		case host.RestartPolicy.Name == "" || host.RestartPolicy.Name == "no":
			t.Errorf("%s is not started again", name)
		case host.LogConfig.Config["max-size"] == "" || host.LogConfig.Config["max-file"] == "":
			t.Errorf("the log of %s grows without end: %v", name, host.LogConfig.Config)
		}
	}
}

// modest adds up what the containers take, and logs it container by container.
func (s *installation) modest(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "docker", append([]string{"stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"},
		strings.Fields(string(s.run(t, "ps", "--quiet")))...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]float64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	var sum float64
	for line := range strings.Lines(string(out)) {
		var name, unit string
		var amount float64
		if _, err := fmt.Sscanf(line, "%s %f%s", &name, &amount, &unit); err != nil || units[unit] == 0 {
			t.Fatalf("%s: %v", line, err)
		}
		t.Logf("%-36s %4.0f MiB", name, amount*units[unit]/(1<<20))
		sum += amount * units[unit]
	}
	t.Logf("%-36s %4.0f MiB", "together", sum/(1<<20))
	if sum == 0 || sum > mostAtRest {
		t.Errorf("together they take %.0f bytes", sum)
	}
}
