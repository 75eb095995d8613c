//go:build compose

package compose

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/client"
)

// TestPITR makes base backups of a Postgres without anything beside it, restores them to a time, and damages them. Mutation tried by hand: a
// segment that can't be read ends restore_command with 1, and the restore silently lacks what came after.
func TestPITR(t *testing.T) {
	s := begin(t)
	s.run(t, "up", "-d", "--wait", "postgres")
	s.psql(t, "create table kept (id int, said text); insert into kept values (1, 'before the first backup')")
	s.psql(t, "select pg_switch_wal()")
	if out := s.in(t, "ls /backup"); out != "" {
		t.Errorf("kept before the first backup: %s", out)
	}

	first := strings.TrimSpace(string(s.script(t, "backup")))
	s.psql(t, "insert into kept values (2, 'after it')")
	moment := s.psql(t, "select clock_timestamp()")
	s.psql(t, "delete from kept")
	base, wal := "/backup/*/base/", "/backup/*/wal/"

	step(t, "the moment before the bad statement", func(t *testing.T) {
		if got := s.rows(t, moment); got != "1\tbefore the first backup\n2\tafter it\n" {
			t.Errorf("%q", got)
		}
	})
	step(t, "the last moment", func(t *testing.T) {
		if got := s.rows(t, ""); got != "" {
			t.Errorf("%q", got)
		}
	})
	step(t, "a moment before the first backup", func(t *testing.T) {
		s.refuses(t, "no verified base backup in /backup from before", s.recover("2020-01-01 00:00:00+00"))
	})
	step(t, "what is no moment", func(t *testing.T) {
		s.refuses(t, "tomorrowish is no time", s.recover("tomorrowish"))
	})
	step(t, "an older backup goes when a newer one was verified, and not before", func(t *testing.T) {
		second := s.in(t, "/etc/postgresql/pitr take")
		s.in(t, "BACKUP_DAYS=0 /etc/postgresql/pitr prune")
		if got := s.in(t, "ls "+base+"*.verified | xargs -n 1 basename"); got != first+".verified" {
			t.Errorf("verified: %s", got)
		}
		if got := s.in(t, "ls "+base+"*.gpg | wc -l"); got != "2" {
			t.Errorf("%s backups", got)
		}
		before := s.in(t, "ls "+wal+" | wc -l")
		s.run(t, "run", "--rm", "--no-deps", "-T", "restored", "verify", second)
		s.in(t, "BACKUP_DAYS=0 /etc/postgresql/pitr prune")
		if got := s.in(t, "ls "+base+" | sort | paste -sd ' '"); got != second+".tar.zst.gpg "+second+".verified" {
			t.Errorf("left: %s", got)
		}
		if after := s.in(t, "ls "+wal+" | wc -l"); number(t, after) >= number(t, before) {
			t.Errorf("%s segments, then %s", before, after)
		}
	})
	step(t, "metrics", func(t *testing.T) {
		s.in(t, "/etc/postgresql/pitr metrics")
		for line := range strings.Lines(s.in(t, "grep -v '^#' /status/backup.prom")) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if zero := name == "driftsentry_restore_drill_last_success_timestamp_seconds"; (value == "0") != zero {
				t.Errorf("%s is %s", name, value)
			}
		}
	})
	step(t, "a segment that is damaged does not pass for the last one", func(t *testing.T) {
		s.in(t, "/etc/postgresql/pitr flush; f=$(ls -t "+wal+"* | head -n 1); cp $f /tmp/whole; head -c 100 /tmp/whole >$f")
		s.refuses(t, "can't be read", s.recover(""))
		s.in(t, "cp /tmp/whole $(ls -t "+wal+"* | head -n 1)")
		s.rows(t, "")
	})
	step(t, "a base backup that is damaged is not verified", func(t *testing.T) {
		third := s.in(t, "/etc/postgresql/pitr take")
		s.in(t, "f=$(ls "+base+third+".tar.zst.gpg); size=$(stat -c %s $f); printf x | dd of=$f bs=1 seek=$((size / 2)) conv=notrunc status=none")
		s.refuses(t, "can't be read", s.command(t.Context(), "run", "--rm", "--no-deps", "-T", "restored", "verify", third))
		s.in(t, "rm "+base+third+"*")
	})
	step(t, "another key opens nothing", func(t *testing.T) {
		s.refuses(t, "can't be read", s.command(t.Context(), "run", "--rm", "--no-deps", "-T", "-e", "BACKUP_KEY_FILE=/etc/hostname", "restored", "dump"))
	})
	step(t, "a segment is not replaced by another of the same name", func(t *testing.T) {
		s.refuses(t, "is there, with other content", s.command(t.Context(), "exec", "-T", "postgres", "bash", "-c",
			"cd $PGDATA; /etc/postgresql/pitr archive PG_VERSION $(basename $(ls "+wal+"* | head -n 1) .zst.gpg)"))
	})
	step(t, "an archive out of reach stops no writes, and fills the disk only so far", func(t *testing.T) {
		// A folder in which nothing can be made stands for a disk that is full or away.
		s.in(t, "cd /backup/*/; mv wal whole; mkdir -m 500 wal")
		defer s.in(t, "cd /backup/*/; rmdir wal; mv whole wal")
		for range 3 {
			s.psql(t, "insert into kept values (3, 'meanwhile'); select pg_switch_wal()")
		}
		eventually(t, "Postgres sees that the archive fails", func() error {
			return s.expectSQL(t, "select failed_count > 0 from pg_stat_archiver", "t")
		})
		archive := "cd $PGDATA; set -- pg_wal/archive_status/*.ready; one=$(basename $1 .ready); "
		s.refuses(t, "Postgres tries again", s.command(t.Context(), "exec", "-T", "postgres", "bash", "-c", archive+"/etc/postgresql/pitr archive pg_wal/$one $one"))
		if out := s.in(t, archive+"BACKUP_WAITING_SEGMENTS=1 /etc/postgresql/pitr archive pg_wal/$one $one 2>&1"); !strings.Contains(out, "GIVEN UP") {
			t.Errorf("said %q", out)
		}
	})
	step(t, "the archive goes on when it is back", func(t *testing.T) {
		s.in(t, "/etc/postgresql/pitr flush")
		if got := s.rows(t, ""); !strings.Contains(got, "meanwhile") {
			t.Errorf("%q", got)
		}
	})
}

// rewound makes a bad statement while a client follows, and restores to the moment before.
func (s *installation) rewound(t *testing.T) {
	s.worked(t)
	t.Logf("%s", s.script(t, "backup"))
	admin := s.signIn(t)
	s.drift = s.undecided(t, admin)
	s.approve(t, admin) // Only the WAL has this one.
	events, lost := s.watch(t)
	saw := s.list(t, admin)
	moment := s.psql(t, "select clock_timestamp()")
	s.psql(t, "delete from drift")
	if got := s.list(t, admin); len(got) > 0 {
		t.Fatalf("the bad statement did nothing: %v", got)
	}

	t.Logf("%s", s.script(t, "restore", "--to", moment))
	await(t, lost, "epoch")
	admin = s.signIn(t)
	if got := s.list(t, admin); !slices.Equal(got, saw) {
		t.Errorf("before: %v\nafter: %v", saw, got)
	}
	// The stream goes on, for the same client.
	s.drift = s.undecided(t, admin)
	s.approve(t, admin)
	await(t, events, "drift.approved")
}

// list is what a user sees: every drift and its status.
func (s *installation) list(t *testing.T, c user) (seen []string) {
	t.Helper()
	for d, err := range c.Drifts(t.Context(), client.DriftQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, d.ID+" "+string(d.Status))
	}
	return seen
}

func (s *installation) drilled(t *testing.T) {
	s.worked(t)
	s.script(t, "backup")
	t.Logf("%s", s.script(t, "drill"))
	if got := s.in(t, "grep ^driftsentry_restore_drill /status/backup.prom"); strings.HasSuffix(got, " 0") {
		t.Errorf("the metric: %s", got)
	}
	if s.has("prometheus") && s.has("caddy") {
		out := s.run(t, "exec", "-T", "prometheus", "wget", "-q", "-O", "-", "http://caddy:2020/backup.prom")
		if !bytes.Contains(out, []byte("driftsentry_backup_size_bytes ")) {
			t.Errorf("Prometheus reads %q", out)
		}
	}
	for _, damage := range []struct{ do, undo, said string }{
		{"create table saved as select * from event where position = 1; delete from event where position = 1",
			"insert into event select * from saved; drop table saved", "events are missing"},
		{"set session_replication_role = replica; create table saved as select id, message from audit; update audit set message = 'forged'",
			"set session_replication_role = replica; update audit set message = saved.message from saved where saved.id = audit.id; drop table saved", "BROKEN"},
	} {
		eventually(t, "the audit trail has a seal", func() error { return s.expectSQL(t, "select count(*) > 0 from audit_seal where count > 0", "t") })
		s.psql(t, damage.do)
		s.refuses(t, damage.said, s.scriptCommand("drill"))
		s.psql(t, damage.undo)
	}
	left := s.run(t, "run", "--rm", "--no-deps", "-T", "--entrypoint", "ls", "restored", "-A", "/restored")
	if len(left) > 0 {
		t.Errorf("the drills left what they restored: %s", left)
	}
}

// psql runs SQL as the superuser, and returns what it selects.
func (s *installation) psql(t *testing.T, sql string) string {
	t.Helper()
	return strings.TrimSpace(string(s.run(t, "exec", "-T", "postgres", "psql", "-U", "postgres", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql, "driftsentry")))
}

func (s *installation) expectSQL(t *testing.T, sql, want string) error {
	t.Helper()
	if got := s.psql(t, sql); got != want {
		return fmt.Errorf("%s: %s, want %s", sql, got, want)
	}
	return nil
}

// in runs a line of shell in Postgres's container.
func (s *installation) in(t *testing.T, line string) string {
	t.Helper()
	return strings.TrimSpace(string(s.run(t, "exec", "-T", "postgres", "bash", "-c", line)))
}

// rows are those of the table kept at a moment; the last one is "".
func (s *installation) rows(t *testing.T, moment string) string {
	t.Helper()
	s.in(t, "/etc/postgresql/pitr flush")
	dump := output(t, s.recover(moment))
	read := s.command(t.Context(), "exec", "-T", "postgres", "bash", "-c", "pg_restore --data-only --table=kept --file=- | sed -n '/^COPY/,/^\\\\\\./{/^COPY/d;/^\\\\\\./d;p}'")
	read.Stdin = bytes.NewReader(dump)
	return string(output(t, read))
}

func (s *installation) recover(moment string) *exec.Cmd {
	return s.command(s.t.Context(), "--progress", "quiet", "run", "--rm", "--no-deps", "-T", "restored", "dump", moment)
}

// refuses runs what must fail and say why.
func (s *installation) refuses(t *testing.T, why string, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = s.environ
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), why) {
		t.Errorf("want %q: %v\n%s", why, err, out)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
