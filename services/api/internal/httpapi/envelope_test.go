package httpapi_test

import (
	"testing"

	"github.com/driftsentry/driftsentry/services/api/internal/apitest"
)

func TestHealth(t *testing.T) {
	api := apitest.Start(t)
	api.Nobody.Get("/health/live").Want(200)
	api.Nobody.Get("/health/ready").Want(200)
	api.Nobody.Get("/health/detailed").Want(200)
	api.Nobody.Get("/metrics").Want(200)
	api.Viewer.Get("/api/v1/users/me").Want(200)
}
