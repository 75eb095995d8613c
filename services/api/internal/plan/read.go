package plan

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/redact"
)

// Read reads the JSON form of a plan. What is wrong with the input is an *Error; what r fails with is wrapped as it is, and
// so is the end of ctx.
func Read(ctx context.Context, r io.Reader, opt Options) (*Plan, error) {
	if len(opt.Key) == 0 {
		return nil, errors.New("plan: no key to hash with")
	}
	src := &source{ctx: ctx, r: r, limit: opt.MaxBytes, taken: func() int64 { return 0 }, place: func() string { return "its first lines" }}
	if src.limit <= 0 {
		src.limit = DefaultMaxBytes
	}
	buf := bufio.NewReaderSize(src, lineBuffer)
	lines, skipped, err := startOf(buf)
	if err != nil {
		return nil, src.explain(err)
	}
	// The decoder would remember every name of an object, a hundred bytes for each. What is read is checked here, in
	// object and in tree; what is skipped says nothing.
	s := newScan(jsontext.NewDecoder(buf, jsontext.AllowDuplicateNames(true)), opt)
	src.taken = func() int64 { return skipped + s.dec.InputOffset() }
	src.place = func() string { return cmp.Or(s.at, "a field at its top") }
	if err := s.plan(); err != nil {
		return nil, src.explain(err)
	}
	src.taken = func() int64 { return src.n }
	after, err := rest(io.MultiReader(bytes.NewReader(s.dec.UnreadBuffer()), buf))
	if err != nil {
		return nil, src.explain(err)
	}
	s.out.Wrapper = lines + after
	return s.finish(ctx)
}

// source counts what is read and remembers why reading failed, which a decoder reports as bad syntax.
type source struct {
	ctx   context.Context
	r     io.Reader
	n     int64
	limit int64
	taken func() int64  // how much of it the decoder is done with; the rest is in memory
	place func() string // what is being read
	err   error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	switch {
	case s.ctx.Err() != nil:
		n, err = 0, s.ctx.Err()
	case s.n > s.limit:
		n, err = 0, tooLarge("is larger than %d bytes: %s", s.limit, howToSlim)
	case s.n-s.taken() > maxPending:
		n, err = 0, tooLarge("has a resource or a text of more than %d bytes, in %s: leave that out of the plan that you send", maxPending, s.place())
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *source) explain(err error) error {
	if s.err == nil {
		return err
	}
	if known, ok := errors.AsType[*Error](s.err); ok {
		return known
	}
	return fmt.Errorf("read plan: %w", s.err)
}

// scan is pass 1 over a plan: it notes what the plan says about itself, collects what has to be masked, and keeps the
// bytes of the entries that may be changes.
type scan struct {
	collector
	dec  *jsontext.Decoder
	opt  Options
	tree tree
	out  Plan

	spared    map[string]bool
	kept      [2]keptEntries // of resource_drift, and of resource_changes
	resources int
	at        string            // the list's element, or the field, that is being read
	units     int               // spent, see budget.go
	size      int64             // of the plan, once it has gone by
	planned   map[string]string // what resource_changes does, by entry id
	actions   map[string]string // each way of saying so, once
	moved     map[Move]bool
	lostOne   bool   // an entry was left out that may be about any object
	variables []byte // kept until the configuration tells which are sensitive
	changed   root   // of resource_changes, which have what the state has; for a plan without prior_state, such as HCP's redacted one

	sensitiveVariables map[string]bool

	hcp        bool            // the version is HCP's plan_format_version
	planKeys   bool            // something that only a plan has was there
	seen       map[string]bool // entry ids of the list that is being read, so that none comes twice
	seed       maphash.Seed
	configured map[uint64]bool // hashes of the managed resources of the configuration, without instance keys
	tally      tally
	meaning    *meaning // of the resources of prior_state
	namesakes  map[string][]namesake
}

// keptEntries are the entries of one list that may be changes.
type keptEntries struct {
	shelf
	slots []slot
}

func newScan(dec *jsontext.Decoder, opt Options) *scan {
	if opt.MaxDepth <= 0 {
		opt.MaxDepth = DefaultMaxDepth
	}
	standings := make(map[Object]*standing, len(opt.Open))
	hashers := []*hasher{newHasher(opt.Key)}
	if len(opt.PreviousKey) > 0 {
		hashers = append(hashers, newHasher(opt.PreviousKey))
	}
	out := Plan{root: newRoot(hashers), previous: map[string]string{}, standings: standings, shown: map[string]string{}}
	for o := range opt.Open {
		if strings.Contains(o.ID, redactedOpen) {
			out.canonical = hashers[0]
		}
	}
	byKey := make(map[Object]Open, len(opt.Open))
	for o, open := range opt.Open {
		o.ID = out.key(o.ID)
		byKey[o] = open
		st := &standing{how: HowUnknown}
		for _, h := range hashers {
			if s, ok := readSides(open.Sides, h); ok {
				st.sides, st.hash = s, h
			}
		}
		standings[o] = st
	}
	opt.Open = byKey
	s := &scan{
		out:       out,
		collector: collector{names: newNames(), secrets: newSecrets()},
		meaning:   newMeaning(opt.MaxDepth),
		changed:   newRoot(hashers),
		dec:       dec, opt: opt, tree: tree{maxDepth: opt.MaxDepth, tolerant: true},
		spared: map[string]bool{}, planned: map[string]string{}, actions: map[string]string{}, moved: map[Move]bool{},
		sensitiveVariables: map[string]bool{}, seed: maphash.MakeSeed(), configured: map[uint64]bool{}, namesakes: map[string][]namesake{},
	}
	s.noteNamesakes()
	return s
}

// plan reads the top level.
func (s *scan) plan() error {
	if s.dec.PeekKind() != '{' {
		if _, err := s.dec.ReadToken(); err != nil {
			return syntaxError("", s.dec.InputOffset(), err)
		}
		return invalid("", "must be a JSON object: %s", remedy)
	}
	s.out.Slimmed = true
	if err := s.object("", s.field); err != nil {
		return err
	}
	if err := s.checkVersion(); err != nil {
		return err
	}
	return s.checkTool()
}

func (s *scan) field(name string) (err error) {
	if err := checkName(name); err != nil {
		return err
	}
	s.planKeys = s.planKeys || planKeys[name]
	if s.at = ""; planKeys[name] || name == "variables" {
		s.at = name
	}
	switch name {
	case "format_version":
		s.out.FormatVersion, err = s.text(name)
	case "plan_format_version":
		s.hcp = true
		s.out.FormatVersion, err = s.text(name)
	case "terraform_version":
		s.out.TerraformVersion, err = s.text(name)
		s.out.TerraformVersion = legible.EscapeLine(redact.Text(s.out.TerraformVersion))
	case "timestamp":
		s.out.Timestamp, err = s.time(name)
	case "errored":
		var errored *bool
		errored, err = s.bool(name)
		s.out.Errored = errored != nil && *errored
	case "complete":
		s.out.Complete, err = s.bool(name)
	case "applyable":
		s.out.Applyable, err = s.bool(name)
	case "resource_drift":
		s.seen = map[string]bool{}
		err = s.array(name, s.driftEntry)
	case "resource_changes":
		s.seen = map[string]bool{}
		s.out.seesChanges = s.opt.Changes
		err = s.array(name, s.changeEntry)
	case "deferred_changes":
		err = s.array(name, s.deferredEntry)
	case "variables":
		var v jsontext.Value
		v, err = s.raw(name)
		s.variables = bytes.Clone(v)
	case "output_changes":
		err = s.object(name, s.outputChange)
	case "prior_state":
		err = s.priorState(name)
	case "planned_values":
		err = s.values(name, nil)
	case "configuration":
		s.out.Slimmed = false
		err = s.configuration(name)
	default:
		err = s.skip("")
	}
	return err
}

// planKeys are the fields of which a plan has one at least. `terraform show -json` without a plan and without a state
// prints only a format_version, which must not pass for a plan in which nothing drifts.
var planKeys = set("resource_drift", "resource_changes", "output_changes", "prior_state", "planned_values",
	"configuration", "timestamp", "errored", "complete", "applyable", "relevant_attributes")

func (s *scan) checkVersion() error {
	path := "format_version"
	if s.hcp {
		path = "plan_format_version"
	}
	if s.out.FormatVersion == "" {
		return invalid(path, "is required: %s", remedy)
	}
	major, minor, _ := strings.Cut(s.out.FormatVersion, ".")
	if _, err := strconv.ParseUint(minor, 10, 16); err != nil || major != "0" && major != "1" {
		return invalid(path, "is not supported: versions 0.1 to 1.x are")
	}
	if !s.planKeys {
		return invalid("", "has nothing of a plan in it: %s", remedy)
	}
	return nil
}

// text reads a string or null.
func (s *scan) text(path string) (string, error) {
	v, err := s.raw(path)
	if err != nil || v.Kind() == 'n' {
		return "", err
	}
	if v.Kind() != '"' {
		return "", invalid(path, "must be a string")
	}
	n, err := s.tree.parse(v)
	if err != nil {
		return "", valueError(path, err)
	}
	if s.tree.unstorable != nil {
		return "", invalid(path, "%s", s.tree.unstorable.Error())
	}
	if len(n.text) > 64 {
		return "", invalid(path, "is longer than 64 bytes")
	}
	return string(n.text), nil
}

func (s *scan) time(path string) (*time.Time, error) {
	text, err := s.text(path)
	if err != nil || text == "" {
		return nil, err
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, invalid(path, "must be an RFC 3339 time")
	}
	return &t, nil
}

func (s *scan) bool(path string) (*bool, error) {
	v, err := s.raw(path)
	if err != nil || v.Kind() == 'n' {
		return nil, err
	}
	if v.Kind() != 't' && v.Kind() != 'f' {
		return nil, invalid(path, "must be a boolean")
	}
	return new(v.Kind() == 't'), nil
}
