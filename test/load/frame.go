package load

import (
	"bytes"
	"strconv"
	"time"
)

// parseEvent finds in an event's frame what we look at. Its fields come in the order of docs/api/asyncapi.yaml's example,
// the time before the data, in which users write.
func parseEvent(payload []byte) (position int64, cursor []byte, at time.Time, ok bool) {
	if !bytes.HasPrefix(payload, []byte(`{"type":"event"`)) {
		return 0, nil, at, false
	}
	number, rest := field(payload, `"position":`, ',')
	cursor, rest = field(rest, `"cursor":"`, '"')
	text, _ := field(rest, `"time":"`, '"')
	position, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		return 0, nil, at, false
	}
	at, err = time.Parse(time.RFC3339, string(text))
	return position, cursor, at, err == nil
}

// field gives what stands between the name and the end, and the rest.
func field(text []byte, name string, end byte) (value, rest []byte) {
	_, rest, ok := bytes.Cut(text, []byte(name))
	i := bytes.IndexByte(rest, end)
	if !ok || i < 0 {
		return nil, nil
	}
	return rest[:i], rest[i:]
}
