package app_test

import (
	"io"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/pkg/process"
	"github.com/driftsentry/driftsentry/services/api/internal/app"
)

func TestRedact_data_key(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		wrong   bool
	}{
		"is_required_in_production":                 {[]string{"APP_ENV=production"}, true},
		"is_required_without_APP_ENV":               {nil, true},
		"must_not_be_the_public_one":                {[]string{"APP_ENV=staging", "DATA_KEY=" + process.ExampleSecret}, true},
		"previous_must_be_long":                     {[]string{"DATA_KEY=" + long, "DATA_KEY_PREVIOUS=short"}, true},
		"is_the_public_one_if_development_has_none": {[]string{"APP_ENV=development"}, false},
		"is_enough_in_production":                   {[]string{"APP_ENV=production", "DATA_KEY=" + long}, false},
	} {
		t.Run(name, func(t *testing.T) {
			// Without DATABASE_URL the command fails in any case; the error says at which variable.
			err := app.Redact(t.Context(), c.environ, process.Build{}, io.Discard)
			if err == nil || strings.Contains(err.Error(), "DATA_KEY") != c.wrong || strings.Contains(err.Error(), "DATABASE_URL") == c.wrong {
				t.Errorf("err = %v", err)
			}
		})
	}
}
