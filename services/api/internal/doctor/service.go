package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/pkg/schema"
)

// Service is what a service depends on, seen from its place.
type Service struct {
	Database pg.Config
	// Telemetry is where traces and logs go, "" for nowhere.
	Telemetry string
	NATS      string
}

const (
	oldestPostgres  = 15
	toleratedSkew   = time.Second
	builtinSince    = 17
	versionDivisor  = 10_000
	connectPatience = 10 * time.Second
)

// Look checks the database, its schema, and where telemetry goes.
func (s *Service) Look(ctx context.Context, r *Report) {
	s.database(ctx, r)
	reach(ctx, r, "telemetry", s.Telemetry, "look at: deploy/compose ps otel-collector; without it traces and logs are dropped and counted", "OTEL_EXPORTER_OTLP_ENDPOINT is not set")
	reach(ctx, r, "NATS", s.NATS, "look at: deploy/compose ps nats; until then hints are 2 s late", "NATS_URL is not set, so hints use Postgres's NOTIFY")
}

func (s *Service) database(ctx context.Context, r *Report) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.Database.URL.Reveal())
	if err != nil {
		found, remedy := refusal(err)
		r.fail("database", found, remedy)
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := s.look(ctx, conn, r); err != nil {
		r.fail("database", "a question failed: "+err.Error(), "look at the log of Postgres")
	}
}

// refusal says why there is no connection, without the URL, which has the password.
func refusal(err error) (found, remedy string) {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refused.Code {
		case "28P01", "28000":
			return "refuses the login: " + refused.Message, "make the password in the secret file the role's: deploy/roles"
		case "3D000":
			return refused.Message, "make the database: deploy/postgres/10-roles.sh (docs/operations.md)"
		}
		return refused.Message, "look at the log of Postgres"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		// A container that was stopped has no name either.
		return "the name " + dns.Name + " is not known", "is Postgres running, and is the host in DATABASE_URL right? deploy/compose ps postgres"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Error(), "is Postgres running? deploy/compose ps postgres"
	}
	return "no connection", "is Postgres running, and is DATABASE_URL right? deploy/compose ps postgres"
}

// facts are what the database says about the server and the role.
type facts struct {
	Version                                    int
	ReadOnly, Superuser, API, Owner, Checksums bool
	Provider, Locale                           string
	Outdated                                   bool // The library that orders text is another than the one that the indexes were made with.
	MaxConnections, Used                       int
	Parameters                                 string
	Now                                        time.Time
}

const question = `select pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool,
	(select rolsuper from pg_roles where rolname = current_user),
	exists (select from pg_roles where rolname in ('driftsentry_api', 'driftsentry_app') and pg_has_role(oid, 'member')),
	pg_has_role((select datdba from pg_database where datname = current_database()), 'member'),
	current_setting('data_checksums')::bool,
	d.datlocprovider::text, coalesce(%s, d.datcollate), coalesce(d.datcollversion <> pg_database_collation_actual_version(d.oid), false),
	current_setting('max_connections')::int, (select count(*)::int from pg_stat_activity where backend_type = 'client backend'),
	current_setting('log_parameter_max_length'), clock_timestamp()
from pg_database d where datname = current_database()`

func (s *Service) look(ctx context.Context, conn *pgx.Conn, r *Report) error {
	var f facts
	if err := conn.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&f.Version); err != nil {
		return err
	}
	locale := "d.datlocale"
	if f.Version/versionDivisor < builtinSince {
		locale = "d.daticulocale"
	}
	asked := time.Now()
	if err := conn.QueryRow(ctx, fmt.Sprintf(question, locale)).Scan(&f.ReadOnly, &f.Superuser, &f.API, &f.Owner, &f.Checksums,
		&f.Provider, &f.Locale, &f.Outdated, &f.MaxConnections, &f.Used, &f.Parameters, &f.Now); err != nil {
		return err
	}
	f.judge(r, asked, time.Now(), s.Database)
	return migrations(ctx, conn, r)
}

// judge says what is wrong with the facts, which were asked for and known at these times.
func (f *facts) judge(r *Report, asked, known time.Time, c pg.Config) {
	major := f.Version / versionDivisor
	switch {
	case major < oldestPostgres:
		r.fail("database", fmt.Sprintf("is PostgreSQL %d", major), "use 15 or newer")
	case f.ReadOnly:
		r.fail("database", "takes no writes", "name the primary in DATABASE_URL, or all hosts: docs/operations.md, When the primary moves")
	default:
		r.ok("database", "PostgreSQL %d.%d", major, f.Version%versionDivisor)
	}
	switch {
	case f.Superuser || f.Owner:
		r.warn("database role", "may do everything, so a fault in the service could, too", "use the login of database_url: deploy/roles")
	case !f.API:
		r.fail("database role", "is not a member of driftsentry_api", "make the roles: deploy/roles")
	default:
		r.ok("database role", "reads and writes rows, and no more")
	}
	switch {
	case f.Outdated:
		r.fail("collation", f.Locale+" is of another version than that of the indexes, which may be wrong now",
			"in psql as postgres: reindex database driftsentry; alter database driftsentry refresh collation version")
	case f.Provider != "b" && f.Locale != "C":
		r.warn("collation", f.Locale+" is a library's: another base image may order text differently, and break indexes",
			"move to Postgres's own: docs/operations.md, The order of text")
	default:
		r.ok("collation", "%s is Postgres's own", f.Locale)
	}
	if !f.Checksums {
		r.warn("data checksums", "are off, so a bad disk is not noticed", "stop Postgres and run pg_checksums --enable")
	}
	if f.Parameters != "0" {
		r.warn("log of Postgres", "may have the parameters of slow statements", "set log_parameter_max_length = 0")
	}
	// Each of the two services has the replicas of now, and one more while they are replaced.
	const poolsAtLeast = 6
	if need := poolsAtLeast * int(c.MaxConns); need > f.MaxConnections {
		r.warn("connections", fmt.Sprintf("Postgres takes %d, and two replicas of each service may want %d during a roll-out", f.MaxConnections, need),
			"lower DATABASE_MAX_CONNS, or raise max_connections")
	} else {
		r.ok("connections", "%d of %d in use", f.Used, f.MaxConnections)
	}
	if skew := max(asked.Sub(f.Now), f.Now.Sub(known)); skew > toleratedSkew {
		r.warn("clock", "differs from that of Postgres by "+skew.Round(time.Second).String(), "let NTP set the clocks of both machines")
	}
}

func migrations(ctx context.Context, conn *pgx.Conn, r *Report) error {
	var at int64
	err := conn.QueryRow(ctx, "select coalesce(max(version_id), 0) from goose_db_version where is_applied").Scan(&at)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42P01" {
		err = nil // No migration has run.
	}
	if err != nil {
		return err
	}
	switch newest := schema.Newest(); {
	case at < newest:
		r.fail("schema", fmt.Sprintf("is at %d of %d", at, newest), "run: deploy/compose run --rm migrate")
	case at > newest:
		r.warn("schema", fmt.Sprintf("is at %d, newer than this program, which knows %d", at, newest), "nothing, if you went back a version; else use the newer program")
	default:
		r.ok("schema", "is at %d, the newest", at)
	}
	return nil
}

// reach opens a connection, no more, to each server of a comma-separated list.
func reach(ctx context.Context, r *Report, check, addresses, remedy, none string) {
	if addresses == "" {
		r.skip(check, none)
		return
	}
	for address := range strings.SplitSeq(addresses, ",") {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || u.Host == "" {
			r.fail(check, "is not an address such as http://otel-collector:4317", "correct it")
			return
		}
		conn, err := (&net.Dialer{Timeout: askedTimeout}).DialContext(ctx, "tcp", u.Host)
		if err != nil {
			r.fail(check, u.Host+" can't be reached: "+err.Error(), remedy)
			return
		}
		_ = conn.Close()
	}
	r.ok(check, "can be reached")
}
