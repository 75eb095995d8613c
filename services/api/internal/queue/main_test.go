package queue_test

import (
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
