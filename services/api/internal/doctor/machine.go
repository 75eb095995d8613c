package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is what can be known of a machine before the first start, from the variables of deploy/env.example.
type Machine struct {
	SiteAddress    string `env:"SITE_ADDRESS"`
	PublicURL      string `env:"PUBLIC_URL"`
	GrafanaSite    string `env:"GRAFANA_SITE"    envDefault:":3000"`
	PublishAddress string `env:"PUBLISH_ADDRESS" envDefault:"127.0.0.1"`
	HTTPPort       uint16 `env:"HTTP_PORT"       envDefault:"80"`
	HTTPSPort      uint16 `env:"HTTPS_PORT"      envDefault:"443"`
	GrafanaPort    uint16 `env:"GRAFANA_PORT"    envDefault:"3000"`

	// Secrets is the folder of the secret files, Data a folder on the disk of Docker's volumes; "" leaves their checks out.
	Secrets, Data string
	// Running says that the stack runs: its ports are taken then, and its edge must respond.
	Running bool
}

// The least that an installation needs; see "Sizing" in docs/operations.md.
const (
	gigabyte     = 1 << 30
	leastMemory  = 3.5 * gigabyte // 4 GB, less what the kernel keeps
	wantedDisk   = 20 * gigabyte
	leastDisk    = 2 * gigabyte
	leastInodes  = 100_000
	askedTimeout = 5 * time.Second
)

// Look checks the machine.
func (m *Machine) Look(ctx context.Context, r *Report) {
	switch runtime.GOARCH {
	case "amd64", "arm64":
		r.ok("machine", "%s, %s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	default:
		r.warn("machine", runtime.GOARCH+" is not tested", "use a machine with amd64 or arm64")
	}
	memory(r)
	m.disk(r)
	clock(r)
	m.names(ctx, r)
	m.ports(ctx, r)
	m.secrets(r)
	m.edge(ctx, r)
}

func memory(r *Report) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		r.skip("memory", "there is no /proc/meminfo")
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "MemTotal:" {
			continue
		}
		kilobytes, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			break
		}
		if total := kilobytes * 1024; total < leastMemory {
			r.warn("memory", fmt.Sprintf("%.1f GB", total/gigabyte), "use a machine with 4 GB or more: docs/operations.md, Sizing")
		} else {
			r.ok("memory", "%.1f GB", total/gigabyte)
		}
		return
	}
	r.skip("memory", "/proc/meminfo does not say how much there is")
}

func (m *Machine) disk(r *Report) {
	if m.Data == "" {
		r.skip("disk", "no --data was given")
		return
	}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(m.Data, &stat); err != nil {
		r.fail("disk", fmt.Sprintf("%s: %v", m.Data, err), "give --data a folder on the disk of Docker's volumes")
		return
	}
	free := float64(stat.Bavail) * float64(stat.Bsize)
	found := fmt.Sprintf("%.1f GB are free", free/gigabyte)
	switch remedy := "free space, or move Docker's data to a larger disk: docs/operations.md, Retention and cost"; {
	case free < leastDisk:
		r.fail("disk", found, remedy)
	case stat.Files > 0 && stat.Ffree < leastInodes:
		r.fail("disk", fmt.Sprintf("%s, but only %d files can be made", found, stat.Ffree), "remove files, or make a file system with more inodes")
	case free < wantedDisk:
		r.warn("disk", found, remedy)
	default:
		r.ok("disk", "%s", found)
	}
}

// names checks that names lead somewhere, and that the API and Grafana have not the same.
func (m *Machine) names(ctx context.Context, r *Report) {
	public, err := url.Parse(m.PublicURL)
	if err != nil || public.Host == "" || public.Scheme != "http" && public.Scheme != "https" {
		r.fail("PUBLIC_URL", fmt.Sprintf("%q is not an address", m.PublicURL), "set PUBLIC_URL in .env, such as https://driftsentry.example.com")
		return
	}
	site := host(m.SiteAddress)
	switch grafana := host(m.GrafanaSite); {
	case m.SiteAddress == "":
		r.fail("SITE_ADDRESS", "is not set", "set SITE_ADDRESS in .env, such as driftsentry.example.com, or :80")
	case site != "" && site != public.Hostname():
		r.fail("SITE_ADDRESS", fmt.Sprintf("is %s, but PUBLIC_URL leads to %s", site, public.Hostname()), "give both the same name")
	case site != "" && site == grafana:
		r.fail("GRAFANA_SITE", "has the name of SITE_ADDRESS", "give Grafana a name of its own, or a port")
	case site != "" && public.Scheme == "http" && !strings.HasPrefix(m.SiteAddress, "http://"):
		r.warn("PUBLIC_URL", "is http, but the edge has a certificate for "+site, "write https:// in PUBLIC_URL")
	default:
		r.ok("SITE_ADDRESS", "%s, PUBLIC_URL %s", m.SiteAddress, m.PublicURL)
	}
	for _, name := range []string{site, host(m.GrafanaSite)} {
		if name == "" || name == "localhost" {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, askedTimeout)
		addresses, err := net.DefaultResolver.LookupHost(ctx, name)
		cancel()
		if err != nil {
			r.fail("name "+name, "is not known to this machine's DNS", "make a DNS record that leads to this machine; a certificate needs it, too")
			continue
		}
		r.ok("name "+name, "%s", strings.Join(addresses, ", "))
	}
}

// host is the name in an address of a site; an address that is only a port has none.
func host(site string) string {
	_, rest, found := strings.Cut(site, "://")
	if !found {
		rest = site
	}
	name, _, _ := strings.Cut(rest, ":")
	return name
}

func (m *Machine) ports(ctx context.Context, r *Report) {
	if m.Running {
		return // They are the edge's.
	}
	for _, p := range []struct {
		variable, address string
		port              uint16
	}{
		{"HTTP_PORT", m.PublishAddress, m.HTTPPort}, {"HTTPS_PORT", m.PublishAddress, m.HTTPSPort}, {"GRAFANA_PORT", "127.0.0.1", m.GrafanaPort},
	} {
		address := net.JoinHostPort(p.address, strconv.Itoa(int(p.port)))
		check := "port " + strconv.Itoa(int(p.port))
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		switch {
		case err == nil:
			_ = l.Close()
			r.ok(check, "is free at %s", p.address)
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			r.fail(check, "this machine has no address "+p.address, "set PUBLISH_ADDRESS in .env to an address of this machine, or to 0.0.0.0")
		default: // It is taken, or without the right to take a low port only a try tells.
			conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
			if err == nil {
				_ = conn.Close()
				r.fail(check, "another program has it at "+p.address, "stop that program, or set another "+p.variable+" in .env")
				continue
			}
			r.ok(check, "nothing answers at %s", address)
		}
	}
}

// Files that may not be empty, in the folder of the secrets.
var required = []string{
	"postgres_password", "database_owner_url", "database_url", "database_realtime_url", "database_monitor_password",
	"jwt_public_key", "data_key", "grafana_admin_password", "grafana_secret_key",
}

func (m *Machine) secrets(r *Report) {
	if m.Secrets == "" {
		r.skip("secrets", "no --secrets was given")
		return
	}
	info, err := os.Stat(m.Secrets)
	if err != nil {
		r.fail("secrets", "the folder can't be read", "run deploy/prepare")
		return
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		r.fail("secrets", fmt.Sprintf("the folder has the mode %04o, so other users can enter it", mode), "run deploy/prepare, which sets 0700")
	}
	var missing []string
	for _, name := range required {
		if text, err := os.ReadFile(filepath.Join(m.Secrets, name)); err != nil || strings.TrimSpace(string(text)) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		r.fail("secrets", "missing or empty: "+strings.Join(missing, ", "), "run deploy/prepare, which makes missing files")
		return
	}
	files, err := filepath.Glob(filepath.Join(m.Secrets, "*"))
	if err != nil {
		r.fail("secrets", err.Error(), "look at the folder")
		return
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o444 != 0o444 {
			r.fail("secrets", filepath.Base(file)+" can't be read by the containers", "run deploy/prepare, which sets the modes")
			return
		}
	}
	r.ok("secrets", "%d files", len(files))
}

// edge asks the edge as people do.
func (m *Machine) edge(ctx context.Context, r *Report) {
	if !m.Running {
		r.skip("edge", "the stack does not run yet")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askedTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(m.PublicURL, "/")+"/health/live", http.NoBody)
	if err != nil {
		r.fail("edge", "PUBLIC_URL is not an address", "set it in .env")
		return
	}
	res, err := (&http.Client{}).Do(req) // The context has the timeout.
	if err != nil {
		r.fail("edge", fmt.Sprintf("%v", err), "look at: deploy/compose logs caddy; and at the name and the firewall that lead to it")
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.fail("edge", fmt.Sprintf("%s: %s", req.URL, res.Status), "look at: deploy/compose ps; deploy/compose logs api")
		return
	}
	r.ok("edge", "%s responds", req.URL)
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil && time.Since(date).Abs() > toleratedSkew {
		r.warn("clock", "differs from the edge's by "+time.Since(date).Round(time.Second).String(), "let NTP set the clocks of both machines")
	}
}
