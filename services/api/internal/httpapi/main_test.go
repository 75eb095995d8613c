package httpapi_test

import (
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
	"github.com/driftsentry/driftsentry/testkit/spec"
)

// TestMain also fails if no test used an operation of docs/api/openapi.yaml with success.
func TestMain(m *testing.M) { pgtest.Main(m, spec.Complete("api")) }
