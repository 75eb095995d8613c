package load

import (
	"bytes"
	"strconv"
	"time"
)

// parseEvent finds the position and the time in an event's frame. The fields have the order of the example in
// docs/api/asyncapi.yaml: the time comes before the data, which contains texts of users.
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

// field returns the text between the name and the end, and the rest.
func field(text []byte, name string, end byte) (value, rest []byte) {
	_, rest, ok := bytes.Cut(text, []byte(name))
	i := bytes.IndexByte(rest, end)
	if !ok || i < 0 {
		return nil, nil
	}
	return rest[:i], rest[i:]
}
