//go:build faults

package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// move is something that happens to Postgres or to the way to it, and what must be true then. The texts are docs/faults.md.
type move struct {
	name   string
	must   string // be true
	before string // it was so
	// run makes it happen in a system of its own, and tells what was seen.
	run func(t *testing.T) (seen string)
}

const told = "every listener that saw the lost events gets `resync`; an old cursor gets 409; writes continue; no 500"

var moves = []move{
	{
		name: "A standby that has missed three commits is promoted", must: told,
		before: "the lost positions went to other events under the same epoch, and no client was told",
		run:    promotion,
	},
	{
		name: "The data folder is put back to an earlier copy", must: told, before: "the same", run: snapshot,
	},
	{
		name:   "The address moves, the old primary stays up read-only, nothing is lost",
		must:   "both services leave the old primary; a user who has just signed in is accepted; no `resync`",
		before: "writes got 503 for as long as the pool kept its connections (up to 70 minutes)",
		run:    switchover,
	},
	{
		name:   "A listener behind pgbouncer in transaction mode",
		must:   "`driftsentry_realtime_listening` is 0, RealtimeNotListening fires, the log names `DATABASE_DIRECT_URL`; with it, 1",
		before: "it was 1, and no hint came", run: deaf,
	},
	{
		name: "pgbouncer in session mode", must: "reads, writes, hints work",
		before: "refused: \"unsupported startup parameter\", told as \"the database is not available\"", run: session,
	},
	{
		name:   "pgbouncer in transaction mode without prepared statements, or with `default_query_exec_mode=describe_exec`",
		must:   "both services end and name the remedy; the pooler is reported to Sentry",
		before: "random 500s, mixed up statements", run: refusal,
	},
	{
		name: "pgbouncer in transaction mode with prepared statements", must: "reads and writes work; with `DATABASE_DIRECT_URL`, hints work",
		before: "not tried", run: prepared,
	},
	{
		name:   "20 clients leave while Postgres works for them",
		must:   "no error of the database is counted; no connection is lost",
		before: "20 errors of the database, 18 connections lost", run: cancellation,
	},
}

// row is what the document says of a move and the code knows without a run.
func (m move) row() string { return fmt.Sprintf("| %s | %s | %s |", m.name, m.must, m.before) }

// TestMoved makes each happen once, and writes its table of docs/faults.md.
func TestMoved(t *testing.T) {
	var table strings.Builder
	table.WriteString("| What happens | What must be true | What was seen before it was | Seen in the run |\n|---|---|---|---|\n")
	for _, m := range moves {
		seen := "not run on that machine"
		t.Run(m.name, func(t *testing.T) {
			seen = m.run(t)
			t.Log(seen)
		})
		fmt.Fprintf(&table, "%s %s |\n", m.row(), seen)
	}
	if doctable.Updating() && !t.Failed() {
		replace(t, beginMoves, endMoves, table.String())
	}
}

// since is how long ago it began, for people.
func since(began time.Time) time.Duration { return time.Since(began).Round(10 * time.Millisecond) }
