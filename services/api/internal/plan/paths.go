package plan

import (
	"bytes"
	"encoding/binary"
	"regexp"
)

// Path is a path at which the states of a drift differ.
type Path struct {
	// Name is the path as the Difference has it, without the number of one of several that are alike.
	Name string
	// At is a keyed hash of the path, by the names as they are. Hash is one of both values. They can be compared with those that
	// the same key made, as Paths says.
	At, Hash [len(short{})]byte
}

// Paths are the paths of a difference as they are stored with the drift:
//
//	version, key id, which difference it is, then for each path: length and bytes of the name, hash of the path, of the values
type Paths struct {
	made [headSize]byte
	List []Path
}

// ofDifference is how many bytes of a Hash of a Change say which difference paths are of.
const ofDifference = 8

// ReadPaths reads the stored paths of the difference that has this hash. It is false for paths of another difference: a version of
// this service that knows no paths has changed the drift.
func ReadPaths(stored, hash []byte) (Paths, bool) {
	var p Paths
	if !pathsOf(stored, hash) {
		return p, false
	}
	copy(p.made[:], stored)
	for b := stored[headSize+ofDifference:]; len(b) > 0; {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)) || len(b)-size-int(n) < 2*len(short{}) { //nolint:gosec // It is at most a length.
			return Paths{}, false
		}
		b = b[size:]
		path := Path{Name: string(b[:n])}
		b = b[n:]
		copy(path.At[:], b)
		copy(path.Hash[:], b[len(short{}):])
		p.List, b = append(p.List, path), b[2*len(short{}):]
	}
	return p, true
}

// pathsOf reports whether stored paths are of the difference that has this hash.
func pathsOf(stored, hash []byte) bool {
	return len(stored) >= headSize+ofDifference && len(hash) >= headSize+ofDifference &&
		bytes.Equal(stored[:headSize+ofDifference], hash[:headSize+ofDifference])
}

// KeyOf is what stored paths and hashes of differences that were made with the same key begin with.
func KeyOf(stored []byte) []byte { return stored[:min(len(stored), headSize)] }

// OnlyWhich is what of stored paths tells which difference they are of, without the paths.
func OnlyWhich(stored []byte) []byte {
	return bytes.Clone(stored[:min(len(stored), headSize+ofDifference)])
}

// Names are the names of the paths.
func (p Paths) Names() []string {
	names := make([]string, len(p.List))
	for i := range p.List {
		names[i] = p.List[i].Name
	}
	return names
}

// Mark is a hash as it is stored apart from the paths: it says with which key it was made.
func (p Paths) Mark(path Path) []byte { return append(bytes.Clone(p.made[:]), path.Hash[:]...) }

// Comparable reports whether both were made with the same key.
func (p Paths) Comparable(other Paths) bool { return p.made == other.made }

// Marked reports whether a mark was made with the key of these paths.
func (p Paths) Marked(mark []byte) bool { return bytes.HasPrefix(mark, p.made[:]) }

// DiffersFrom reports whether a path that is not ignored is on one side only, or has other values. Both must be Comparable.
func (p Paths) DiffersFrom(before Paths, ignored func(name string) bool) bool {
	was := make(map[string]Path, len(before.List))
	for _, path := range before.List {
		was[path.Name] = path
	}
	for _, path := range p.List {
		old, ok := was[path.Name]
		delete(was, path.Name)
		if (!ok || old != path) && !ignored(path.Name) {
			return true
		}
	}
	for name := range was {
		if !ignored(name) {
			return true
		}
	}
	return false
}

// alike is the number that Difference gives all but the first of several paths that are alike. No path ends like this.
var alike = regexp.MustCompile(` \(\d+\)$`)

// PathName is the Name of a path of a Difference.
func PathName(shown string) string { return alike.ReplaceAllString(shown, "") }

// pathList collects the paths of a difference while it is written.
type pathList struct {
	names []string
	at    []short
	sums  []identity
	total identity
}

func (l *pathList) reset() {
	l.names, l.at, l.sums, l.total = l.names[:0], l.at[:0], l.sums[:0], identity{}
}

// add takes the next path. One that is like the last is a part of it.
func (l *pathList) add(name string, at short, sum identity) {
	l.total = l.total.plus(sum)
	if n := len(l.names); n > 0 && l.names[n-1] == name {
		l.sums[n-1] = l.sums[n-1].plus(sum)
		return
	}
	l.names, l.at, l.sums = append(l.names, name), append(l.at, at), append(l.sums, sum)
}

// bytes is how they are stored, of the difference that has this hash.
func (l *pathList) bytes(hash []byte) []byte {
	size := headSize + ofDifference
	for _, name := range l.names {
		size += binary.MaxVarintLen16 + len(name) + 2*len(short{})
	}
	b := append(make([]byte, 0, size), hash[:headSize+ofDifference]...)
	for i, name := range l.names {
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		b = append(b, l.at[i][:]...)
		b = binary.BigEndian.AppendUint64(b, l.sums[i].lo)
	}
	return b
}
