package kubernetes

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// ours is what is Go's own, or Kubernetes', and no variable of the services.
var ours = map[string]bool{"GOMEMLIMIT": true, "POD_NAMESPACE": true, "NODE_NAME": true, "RECENT_SIGN_IN": true}

// mount is where the secrets are in a container.
const mount = "/run/secrets/driftsentry/"

// telemetryTimeout is what the last telemetry has after everything else has stopped.
const telemetryTimeout = 5 * time.Second

// TestServices starts each service with the very environment that its Deployment gives it, without a database, and asks
// what the probes and Prometheus will ask. Mutations that were tried, each caught: a misspelled variable, a value that
// the service refuses, another path of a probe, readiness asked for liveness, another port, a secret that
// deploy/prepare does not make, a grace period that is not longer than the service's own, an image of another name, a
// Job without its URL.
func TestServices(t *testing.T) {
	m := build(t, "overlays/production")
	secrets := prepare(t)
	for _, d := range m.deployments {
		t.Run(d.Name, func(t *testing.T) {
			spec := d.Spec.Template.Spec
			c := spec.Containers[0]
			environ := m.environ(t, c)
			expectImage(t, c, spec, environ)
			expectSecrets(t, spec, secrets)
			public := freePort(t)
			metrics := freePort(t)
			for metrics == public {
				metrics = freePort(t)
			}
			logged := run(t, c.Name, environ, secrets, public, metrics)

			for name := range environ {
				_, known := logged[strings.TrimSuffix(name, "_FILE")]
				if !known && !ours[name] && !strings.HasPrefix(name, "OTEL_") {
					t.Errorf("%s reads no variable %s", c.Name, name)
				}
			}
			own := duration(t, logged, "SHUTDOWN_DRAIN_DELAY") + duration(t, logged, "GRACEFUL_SHUTDOWN_TIMEOUT") + telemetryTimeout
			if grace := time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second; grace <= own {
				t.Errorf("it is killed after %s, and its own shutdown takes up to %s", grace, own)
			}
			for probe, want := range map[*corev1.Probe]int{
				c.StartupProbe: http.StatusOK, c.LivenessProbe: http.StatusOK,
				c.ReadinessProbe: http.StatusServiceUnavailable, // It has no database.
			} {
				if port := probe.HTTPGet.Port.String(); port != "http" {
					t.Errorf("a probe asks at the port %s", port)
				}
				expectStatus(t, public, probe.HTTPGet.Path, want)
			}
			expectStatus(t, metrics, m.monitors[0].Spec.Endpoints[0].Path, http.StatusOK)
		})
	}
	for _, j := range m.jobs {
		t.Run(j.Name, func(t *testing.T) {
			spec := j.Spec.Template.Spec
			expectSecrets(t, spec, secrets)
			// It takes what it is given, and then finds no database.
			api := program(t, "api")
			cmd := exec.CommandContext(patient(t), api, spec.Containers[0].Args...)
			for name, value := range m.environ(t, spec.Containers[0]) {
				cmd.Env = append(cmd.Env, name+"="+strings.ReplaceAll(value, mount, secrets+"/"))
			}
			cmd.Env = append(cmd.Env, "DATABASE_CONNECT_TIMEOUT=100ms")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "user=driftsentry_owner") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// prepare makes the secrets' files by the script that is shipped, and returns their folder.
func prepare(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "deploy"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prepare", "env.example"} {
		if err := os.WriteFile(filepath.Join(dir, "deploy", name), []byte(read(t, "deploy/"+name)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(filepath.Join(dir, "deploy/prepare")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "secrets")
}

// expectSecrets: each key is one of those files, and each is where the variables look for it.
func expectSecrets(t *testing.T, spec corev1.PodSpec, secrets string) {
	t.Helper()
	for _, item := range spec.Volumes[0].Secret.Items {
		if _, err := os.Stat(filepath.Join(secrets, item.Key)); err != nil || item.Path != item.Key {
			t.Errorf("secret %+v: %v", item, err)
		}
	}
	if v := spec.Containers[0].VolumeMounts[0]; v.MountPath+"/" != mount || v.Name != spec.Volumes[0].Name {
		t.Errorf("the secrets are mounted as %+v", v)
	}
}

// expectImage compares with the Dockerfile and with the name that the image has elsewhere.
func expectImage(t *testing.T, c corev1.Container, spec corev1.PodSpec, environ map[string]string) {
	t.Helper()
	file := read(t, "Dockerfile."+c.Name)
	var ports []string
	for _, p := range c.Ports {
		ports = append(ports, strconv.Itoa(int(p.ContainerPort)))
	}
	if environ["PORT"] != ports[0] || environ["METRICS_PORT"] != ports[1] {
		t.Errorf("ports %v, PORT=%s METRICS_PORT=%s", ports, environ["PORT"], environ["METRICS_PORT"])
	}
	if want := "EXPOSE " + strings.Join(ports, " "); !strings.Contains(file, want+"\n") {
		t.Errorf("Dockerfile.%s has no %q", c.Name, want)
	}
	if want := fmt.Sprintf("USER %d:%d", *spec.SecurityContext.RunAsUser, *spec.SecurityContext.RunAsGroup); !strings.Contains(file, want+"\n") {
		t.Errorf("Dockerfile.%s has no %q", c.Name, want)
	}
	name, version, _ := strings.Cut(path.Base(c.Image), ":")
	if version == "" || !strings.Contains(read(t, "docker-compose.prod.yml"), "image: "+name+":") {
		t.Errorf("image %s has no version, or another name than in the compose file", c.Image)
	}
}

// environ is the environment that Kubernetes gives a container.
func (m *manifests) environ(t *testing.T, c corev1.Container) map[string]string {
	t.Helper()
	environ := map[string]string{}
	for _, from := range c.EnvFrom {
		maps.Copy(environ, m.configMaps[from.ConfigMapRef.Name].Data)
	}
	for _, v := range c.Env {
		if v.ValueFrom != nil {
			v.Value = strings.ReplaceAll(v.ValueFrom.FieldRef.FieldPath, ".", "-")
		}
		environ[v.Name] = regexp.MustCompile(`\$\(([A-Z_]+)\)`).ReplaceAllStringFunc(v.Value, func(reference string) string {
			value, known := environ[strings.Trim(reference, "$()")]
			if !known {
				t.Errorf("%s: there is no %s", v.Name, reference)
			}
			return value
		})
	}
	return environ
}

// run starts a service on other ports until the test ends, and returns the configuration that it logs.
func run(t *testing.T, name string, environ map[string]string, secrets string, public, metrics int) map[string]any {
	t.Helper()
	file := program(t, name)
	cmd := exec.CommandContext(patient(t), file)
	for name, value := range environ {
		switch name {
		case "PORT":
			value = strconv.Itoa(public)
		case "METRICS_PORT":
			value = strconv.Itoa(metrics)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.ReplaceAll(value, mount, secrets+"/"))
	}
	cmd.Env = append(cmd.Env, "HOST=127.0.0.1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // The test's context has ended it.
	var configuration map[string]any
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		entry := map[string]any{}
		_ = json.Unmarshal(lines.Bytes(), &entry) // A line that is not JSON is an error, and the last one.
		if entry["msg"] == "configuration" && entry["APP_ENV"] != nil {
			configuration = entry
		}
		if entry["msg"] == "ready" {
			go func() {
				for lines.Scan() { // Read on, so that the process never blocks.
				}
			}()
			return configuration
		}
	}
	t.Fatalf("it did not become ready:\n%s", strings.Join(said, "\n"))
	return nil
}

// patient ends a program that never says what it is waited for, and every other one with the test.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// program builds a service.
func program(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", file, "./cmd/"+name)
	cmd.Dir = filepath.Join(root, "services", name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

func expectStatus(t *testing.T, port int, target string, want int) {
	t.Helper()
	res, err := http.Get("http://127.0.0.1:" + strconv.Itoa(port) + target)
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		t.Errorf("%s: %d, want %d", target, res.StatusCode, want)
	}
}

func duration(t *testing.T, configuration map[string]any, name string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(fmt.Sprint(configuration[name]))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// freePort is below the ports that the system gives to outgoing connections.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		port := 20_000 + rand.N(12_000)
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close()
			return port
		}
	}
}
