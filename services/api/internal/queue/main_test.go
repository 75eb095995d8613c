package queue_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/pgtest"
)

// replicaOf makes this program a replica that works on the database of that URL, until it is told to end or is killed.
const replicaOf = "NOTIFY_TEST_REPLICA_OF"

func TestMain(m *testing.M) {
	dsn := os.Getenv(replicaOf)
	if dsn == "" {
		pgtest.Main(m)
	}
	if err := beReplica(dsn); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func beReplica(dsn string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r, err := newReplica(ctx, dsn, os.Getenv(replicaOf+"_NAME"))
	if err != nil {
		return err
	}
	return r.queue.Run(ctx)
}
