package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Redaction says that a row was masked: the hash that it had, and the one that it has since.
type Redaction struct {
	Row     string
	Was, Is string // in hex
}

// End is the end of a range of rows.
type End struct {
	Position int64
	ID       uuid.UUID
}

// Reader reads the trail and its seals as they were at one moment.
type Reader interface {
	// Seals are the next seals after a number.
	Seals(ctx context.Context, after int64, limit int) ([]Seal, error)
	// Removed is up to where retention has removed rows; the zero End is nowhere.
	Removed(ctx context.Context) (End, error)
	// Rows are those after from, up to to.
	Rows(ctx context.Context, from, to End, limit int) ([]Sealed, error)
	Redactions(ctx context.Context) ([]Redaction, error)
	// Left counts the rows up to an end.
	Left(ctx context.Context, to End) (int64, error)
	// Unsealed counts the rows after an end.
	Unsealed(ctx context.Context, from End) (Unsealed, error)
}

// Unsealed counts rows that no seal covers.
type Unsealed struct {
	Rows     int64
	Invented int64 // at positions that the database has not given out yet
	Overdue  int64 // written more than sealsWithin ago, by the database's clock
	Ahead    int64 // which say a time that is more than sealsWithin to come
	Given    int64 // the newest position that the database has given out, whether its row is still there or not
}

// SealsWithin is when a row is sealed at the latest: after a minute, or when the transactions that were open then have ended.
const SealsWithin = time.Hour

// Logged are the seals of the log: the hashes by number. There is more than one where the numbers began again.
type Logged map[int64][]string

// Report is what a check of the trail found.
type Report struct {
	Seals, Rows, Masked, Unsealed int64
	// Late counts the rows that were sealed more than SealsWithin after they were written.
	Late int64
	Last Seal
	// RemovedTo is the newest time of a row that retention removed, zero without one.
	RemovedTo time.Time
	// Breaks say where the trail is not as it was sealed; the first mostBreaks of Broken.
	Breaks []string
	Broken int
}

const (
	mostBreaks = 50
	// sealsAtOnce bounds what is in memory: 32 KiB of hashes each, and their rows one seal at a time.
	sealsAtOnce = 50
	// surplus is how many rows too many are looked at in the range of a seal.
	surplus = 100
	// backwards is how much older a row may be than one before it: transactions end within seconds, and clocks differ a little.
	backwards = time.Hour
)

func (r *Report) add(format string, args ...any) {
	r.Broken++
	if r.Broken <= mostBreaks {
		r.Breaks = append(r.Breaks, fmt.Sprintf(format, args...))
	}
}

// verifier is one check.
type verifier struct {
	reader  Reader
	known   Logged
	report  Report
	last    Seal // the one before
	end     End  // of the rows that were sealed so far
	removed End
	newest  time.Time // of the rows so far
	masked  map[string][]Redaction
}

// Verify compares all rows with their seals, the seals with each other, and with those of the log, as far as they are given
// by their numbers. Only what it cannot read is an error.
func Verify(ctx context.Context, reader Reader, known Logged) (*Report, error) {
	v := &verifier{reader: reader, known: known}
	var err error
	if v.removed, err = reader.Removed(ctx); err != nil {
		return nil, err
	}
	for {
		seals, err := reader.Seals(ctx, v.last.Number, sealsAtOnce)
		if err != nil {
			return nil, err
		}
		for i := range seals {
			if err := v.seal(ctx, &seals[i]); err != nil {
				return nil, err
			}
		}
		if len(seals) < sealsAtOnce {
			break
		}
	}
	return &v.report, v.finish(ctx)
}

func (v *verifier) seal(ctx context.Context, s *Seal) error {
	r := &v.report
	r.Seals++
	if s.Number != v.last.Number+1 {
		r.add("seal %d: seal %d, which stood before it, is gone", s.Number, s.Number-1)
	} else if !bytes.Equal(s.Previous, v.last.Hash) {
		r.add("seal %d: it does not continue seal %d", s.Number, v.last.Number)
	}
	if !bytes.Equal(s.compute(), s.Hash) || s.Kind == KindRows && len(s.Leaves) != s.Count*sha256.Size {
		r.add("seal %d: it was rewritten, because its hash is not the one of its contents", s.Number)
	}
	switch logged := v.known[s.Number]; {
	case len(logged) > 1:
		r.add("seal %d: it was logged with %d different hashes; unless the database was restored meanwhile, seals were removed and made again", s.Number, len(logged))
	case len(logged) == 1 && logged[0] != hex.EncodeToString(s.Hash):
		r.add("seal %d: it is not the one that was logged (%s)", s.Number, logged[0])
	}
	v.last = *s
	v.last.Leaves = nil
	end := End{s.Position, s.ID}
	if s.Kind == KindRemoved {
		r.RemovedTo = s.NewestAt
		return nil
	}
	from := v.end
	v.end = end
	if !after(end, v.removed) {
		return nil // Left reports rows that are still there.
	}
	return v.rows(ctx, s, from)
}

// after reports whether an end lies behind another one.
func after(a, b End) bool {
	return a.Position > b.Position || a.Position == b.Position && bytes.Compare(a.ID[:], b.ID[:]) > 0
}

// rows compares the rows of a seal with the hashes that it has of them.
func (v *verifier) rows(ctx context.Context, s *Seal, from End) error {
	rows, err := v.reader.Rows(ctx, from, v.end, s.Count+surplus)
	if err != nil {
		return err
	}
	missing := map[Hash]bool{} // which were sealed, and are not there
	for leaf := range slices.Chunk(s.Leaves, sha256.Size) {
		if len(leaf) == sha256.Size { // Else the seal was rewritten.
			missing[Hash(leaf)] = true
		}
	}
	sealed := len(missing)
	var strange []int
	for i := range rows {
		row := &rows[i]
		v.report.Rows++
		if row.Position > 0 {
			if row.CreatedAt.Before(v.newest.Add(-backwards)) {
				v.report.add("seal %d: the row %s says %s, but it was added after one of %s", s.Number, row.ID, moment(row.CreatedAt), moment(v.newest))
			}
			v.newest = maxTime(v.newest, row.CreatedAt)
			if s.SealedAt.Sub(row.CreatedAt) > SealsWithin {
				v.report.Late++
			}
		}
		if leaf := row.Leaf(); missing[leaf] {
			delete(missing, leaf)
		} else {
			strange = append(strange, i)
		}
	}
	for _, i := range strange {
		row := &rows[i]
		was, err := v.before(ctx, row, missing)
		switch {
		case err != nil:
			return err
		case was != nil:
			delete(missing, *was)
			v.report.Masked++
		default:
			v.report.add("seal %d: the row %s (%s, %s) was changed or added after it was sealed", s.Number, row.ID, row.Action, moment(row.CreatedAt))
		}
	}
	if len(missing) > 0 {
		v.report.add("seal %d: of its %d rows %d are gone or changed", s.Number, sealed, len(missing))
	}
	return nil
}

// before finds the sealed hash of a row that was masked since; nil if that does not explain the hash of now.
func (v *verifier) before(ctx context.Context, row *Sealed, missing map[Hash]bool) (*Hash, error) {
	if !strings.Contains(row.Subject+row.Message+row.Metadata, "[redacted") {
		return nil, nil //nolint:nilnil // A record of a masking that was none.
	}
	if v.masked == nil {
		all, err := v.reader.Redactions(ctx)
		if err != nil {
			return nil, err
		}
		v.masked = map[string][]Redaction{}
		for _, one := range all {
			v.masked[one.Row] = append(v.masked[one.Row], one)
		}
	}
	leaf := row.Leaf()
	known := map[string]bool{hex.EncodeToString(leaf[:]): true}
	// Each step of the masking leads back to the one before.
	list := v.masked[row.ID.String()]
	for range list {
		for _, one := range list {
			if !known[one.Is] {
				continue
			}
			known[one.Was] = true
			if raw, err := hex.DecodeString(one.Was); err == nil && len(raw) == sha256.Size && missing[Hash(raw)] {
				hash := Hash(raw)
				return &hash, nil
			}
		}
	}
	return nil, nil //nolint:nilnil // As documented.
}

// finish checks what is behind the last seal, and what retention has removed.
func (v *verifier) finish(ctx context.Context) error {
	r := &v.report
	r.Last = v.last
	for number := range v.known {
		if number > v.last.Number {
			r.add("seal %d: it was logged, and is gone", number)
		}
	}
	// Without a removal this is what stands before the first row, where no seal looks.
	left, err := v.reader.Left(ctx, v.removed)
	if err != nil {
		return err
	}
	if left > 0 && v.removed == (End{}) {
		r.add("%d rows stand before the first position that the database has given out", left)
	} else if left > 0 {
		r.add("%d rows stand in the range that retention has removed", left)
	}
	unsealed, err := v.reader.Unsealed(ctx, v.end)
	if err != nil {
		return err
	}
	r.Unsealed = unsealed.Rows
	if unsealed.Invented > 0 {
		r.add("%d rows stand at positions that the database has not given out", unsealed.Invented)
	}
	if unsealed.Overdue > 0 {
		r.add("%d rows have no seal after more than %s: seals were removed, or no replica of api seals (it does so within two minutes of its start, "+
			"when no transaction from before is open)", unsealed.Overdue, SealsWithin)
	}
	if unsealed.Ahead > 0 {
		r.add("%d rows without a seal say a time that is more than %s to come", unsealed.Ahead, SealsWithin)
	}
	if r.Seals == 0 && unsealed.Rows == 0 && unsealed.Given > 0 {
		r.add("there is no row and no seal, but the database has given out %d positions: the whole trail is gone", unsealed.Given)
	}
	return nil
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// mostLine bounds a line of a log.
const mostLine = 1 << 20

// What a line of the log says of a seal, as the services print it: JSON, maybe behind the name of a container.
var (
	sealNumber = regexp.MustCompile(`"seal":\s*(\d{1,18})[,}]`)
	sealHash   = regexp.MustCompile(`"hash":\s*"([0-9a-f]{64})"`)
)

// ReadSeals reads the hashes of seals from the lines of a log. Other lines are skipped.
func ReadSeals(r io.Reader) (Logged, error) {
	known := Logged{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	for lines.Scan() {
		number, hash := sealNumber.FindSubmatch(lines.Bytes()), sealHash.FindSubmatch(lines.Bytes())
		if number == nil || hash == nil {
			continue
		}
		n, err := strconv.ParseInt(string(number[1]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the number of a seal: %w", err)
		}
		if !slices.Contains(known[n], string(hash[1])) {
			known[n] = append(known[n], string(hash[1]))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if len(known) == 0 {
		return nil, errors.New("the log has no line «sealed the audit trail»: give it as the services print it")
	}
	return known, nil
}
