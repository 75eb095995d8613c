package plan

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
)

// A plan is repetitive and shrinks to a twentieth or a fortieth. What shrinks past maxRatio is made to keep us busy; the
// first bombFloor bytes are free, since a small input may well be one run of spaces.
const (
	maxRatio  = 250
	bombFloor = 1 << 20
)

// Inflate reads gzip from r, inflated to at most limit bytes. Past that, or when the ratio is that of a bomb, reading
// fails with an Error that wraps ErrTooLarge; when the gzip is damaged, with another Error. Errors of r come through as
// they are.
func Inflate(r io.Reader, limit int64) (io.Reader, error) {
	in := &counter{r: r}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, gzipError(err)
	}
	return &inflater{in: in, z: z, limit: limit}, nil
}

type inflater struct {
	in    *counter
	z     *gzip.Reader
	n     int64
	limit int64
}

func (f *inflater) Read(p []byte) (int, error) {
	n, err := f.z.Read(p)
	f.n += int64(n)
	switch {
	case f.n > f.limit:
		return 0, tooLarge("is larger than %d bytes: %s", f.limit, howToSlim)
	case f.n > bombFloor && f.n > maxRatio*f.in.n:
		return 0, tooLarge("inflates to an implausible size")
	case err != nil && !errors.Is(err, io.EOF):
		return n, gzipError(err)
	}
	return n, err
}

func gzipError(err error) error {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	if corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("", "has a gzip that is damaged or incomplete")
	}
	return err
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
