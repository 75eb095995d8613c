package spec

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Direction says who sent a frame.
type Direction uint8

// The directions.
const (
	FromClient Direction = iota
	FromServer
)

func (d Direction) String() string {
	if d == FromServer {
		return "server"
	}
	return "client"
}

// The operations of asyncapi.yaml that list what goes in each direction.
var frameOperations = map[Direction]string{FromClient: "receiveFromClient", FromServer: "sendToClient"}

// Frame checks the payload of a text frame against asyncapi.yaml, and fails t with what is wrong.
func Frame(t testing.TB, direction Direction, data []byte) {
	t.Helper()
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.checkFrame(direction, data); err != nil {
		t.Errorf("frame from the %v: %v\n  frame: %.*s", direction, err, shown, data)
	}
}

// FrameTypes are the types of the text frames that go in a direction, by asyncapi.yaml, sorted.
func FrameTypes(direction Direction) ([]string, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(d.frames[direction])), nil
}

func (d *documents) readFrames(c compiler, root node) error {
	d.frames = map[Direction]map[string]*jsonschema.Schema{}
	for direction, operation := range frameOperations {
		d.frames[direction] = map[string]*jsonschema.Schema{}
		for _, message := range root.at("operations", operation, "messages").items() {
			payload := message.child("payload")
			name := payload.at("properties", "type", "const").string()
			if name == "" {
				return fmt.Errorf("%s: the payload at %s has no constant type", operation, payload.pointer)
			}
			schema, err := c.schema(payload)
			if err != nil {
				return err
			}
			d.frames[direction][name] = schema
		}
		if len(d.frames[direction]) == 0 {
			return fmt.Errorf("operation %s has no messages", operation)
		}
	}
	return nil
}

func (d *documents) checkFrame(direction Direction, data []byte) error {
	value, err := decode(data)
	if err != nil {
		return fmt.Errorf("is not JSON: %w", err)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return errors.New("is not a JSON object")
	}
	name, _ := object["type"].(string)
	schema, ok := d.frames[direction][name]
	if !ok {
		return fmt.Errorf("the type %q is not among those of this direction", name)
	}
	if err := schema.Validate(value); err != nil {
		return plain(err)
	}
	return nil
}
