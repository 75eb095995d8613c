package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/config"
	"github.com/driftsentry/driftsentry/pkg/process"
)

const long = "0123456789abcdef0123456789abcdef"

func load(environ ...string) (*process.Config, error) {
	c := &process.Config{}
	return c, config.Load(c, append([]string{"DATABASE_URL=postgres://u:p@127.0.0.1:1/d"}, environ...))
}

func TestConfig_SetDefaults(t *testing.T) {
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	c.SetDefaults()
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "JWT_SECRET") {
		t.Errorf("warnings = %q", c.Warnings)
	}
	if c.Host != "127.0.0.1" || c.LogFormat != "pretty" || c.JWTSecret != process.ExampleSecret || !c.MetricsOnPublicPort() || len(c.CORSOrigins) != 1 {
		t.Errorf("development: %+v", c)
	}
	c, err = load("APP_ENV=staging", "JWT_SECRET="+long)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDefaults()
	if len(c.Warnings) != 0 {
		t.Errorf("warnings = %q", c.Warnings)
	}
	if c.Host != "" || c.LogFormat != "json" || c.MetricsPort != 9090 || c.MetricsOnPublicPort() || len(c.CORSOrigins) != 0 {
		t.Errorf("staging: %+v", c)
	}
	c, err = load("HOST=::1", "LOG_FORMAT=json", "JWT_SECRET=mine", "METRICS_PORT=9464", "CORS_ORIGIN=*")
	if err != nil {
		t.Fatal(err)
	}
	c.SetDefaults()
	if len(c.Warnings) != 0 || c.Host != "::1" || c.LogFormat != "json" || c.JWTSecret != "mine" || c.MetricsPort != 9464 {
		t.Errorf("what is set stays: %+v", c)
	}
}

func TestConfig_Validate(t *testing.T) {
	for variable, environ := range map[string][]string{
		"JWT_SECRET":                   {"APP_ENV=production"},
		"JWT_SECRET_PREVIOUS":          {"APP_ENV=staging", "JWT_SECRET=" + long, "JWT_SECRET_PREVIOUS=" + process.ExampleSecret},
		"CORS_ORIGIN":                  {"CORS_ORIGIN=https://a.example,b.example"},
		"LOG_LEVEL":                    {"LOG_LEVEL=verbose"},
		"SLOW_REQUEST_THRESHOLD":       {"SLOW_REQUEST_THRESHOLD=0"},
		"GRAFANA_URL":                  {"GRAFANA_URL=https://admin:secret@grafana.example"},
		"SENTRY_MAX_EVENTS_PER_MINUTE": {"SENTRY_MAX_EVENTS_PER_MINUTE=-1"},
	} {
		t.Run(variable, func(t *testing.T) {
			_, err := load(environ...)
			if err == nil || !strings.Contains(err.Error(), variable+": ") || strings.Count(err.Error(), "\n") != 1 {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// A setting of telemetry never decides whether a service lives.
func TestConfig_Telemetry_wrong_settings(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "often")
	c, err := load("OTEL_SDK_DISABLED=yes", "FLIGHT_RECORDER=always", "METRICS_PORT=9464")
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Telemetry("driftsentry-test", process.Build{})
	if err != nil || got.SampleRatio != 1 || got.Disabled {
		t.Errorf("ratio %g, disabled %t, %v; want the defaults", got.SampleRatio, got.Disabled, err)
	}
	for _, variable := range []string{"OTEL_TRACES_SAMPLER_ARG", "OTEL_SDK_DISABLED", "FLIGHT_RECORDER"} {
		if !slices.ContainsFunc(got.Warnings, func(w string) bool { return strings.HasPrefix(w, variable+": ") }) {
			t.Errorf("no warning names %s: %q", variable, got.Warnings)
		}
	}
}

// The flight recorder runs only where its traces can be fetched.
func TestConfig_Telemetry_flight_recorder(t *testing.T) {
	for name, tc := range map[string]struct {
		environ []string
		want    bool
		dir     string
	}{
		"on":                    {[]string{"FLIGHT_RECORDER=true", "METRICS_PORT=9464", "CRASH_DIR=/state"}, true, "/state/driftsentry-test-traces"},
		"without_a_folder":      {[]string{"FLIGHT_RECORDER=true", "METRICS_PORT=9464"}, true, ""},
		"off":                   {[]string{"FLIGHT_RECORDER=false", "METRICS_PORT=9464"}, false, ""},
		"without_a_port":        {[]string{"FLIGHT_RECORDER=true"}, false, ""},
		"without_metrics":       {[]string{"FLIGHT_RECORDER=true", "METRICS_PORT=9464", "ENABLE_METRICS=false"}, false, ""},
		"production_has_a_port": {[]string{"FLIGHT_RECORDER=true", "APP_ENV=production", "JWT_SECRET=" + long}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(tc.environ...)
			if err != nil {
				t.Fatal(err)
			}
			c.SetDefaults()
			got, err := c.Telemetry("driftsentry-test", process.Build{})
			if err != nil || got.FlightRecorder != tc.want || got.FlightDir != tc.dir {
				t.Errorf("%t in %q, %v; want %t in %q", got.FlightRecorder, got.FlightDir, err, tc.want, tc.dir)
			}
		})
	}
}

func TestConfig_Telemetry(t *testing.T) {
	c, err := load("LOG_LEVEL=trace", "SENTRY_DSN=https://key@sentry.example/1", "SENTRY_ENVIRONMENT=blue", "OTEL_SDK_DISABLED=true",
		"PYROSCOPE_URL=http://pusher:hunter2@pyroscope:4040")
	if err != nil {
		t.Fatal(err)
	}
	c.SetDefaults()
	settings, err := c.Telemetry("driftsentry-test", process.Build{Version: "1.2.3", Commit: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	if settings.Log.Level != -8 || settings.Sentry.DSN == "" || settings.Sentry.Environment != "blue" || !settings.Disabled ||
		settings.Environment != "development" || settings.SampleRatio != 1 || !settings.Metrics || settings.PyroscopeURL != "http://pusher:hunter2@pyroscope:4040" {
		t.Errorf("%+v", settings)
	}
	if strings.Contains(fmt.Sprint(config.Attrs(c)), "key@sentry") {
		t.Error("the DSN would be logged")
	}
	if strings.Contains(fmt.Sprint(config.Attrs(c)), "hunter2") {
		t.Error("the password of the Pyroscope would be logged")
	}
}
