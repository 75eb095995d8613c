package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-framework/types"
)

// server is one resource: what the configuration says, what the state has and what the file holds. Each kind of attribute that
// plans have is there once.
type server struct {
	ID       types.String      `tfsdk:"id" json:"-"` // the name; it is unknown until the resource is there
	Name     string            `tfsdk:"name" json:"name"`
	Size     *string           `tfsdk:"size" json:"size,omitempty"`
	CPUs     *int64            `tfsdk:"cpus" json:"cpus,omitempty"`
	Public   *bool             `tfsdk:"public" json:"public,omitempty"`
	Zones    []string          `tfsdk:"zones" json:"zones,omitempty"`
	Ports    []int64           `tfsdk:"ports" json:"ports,omitempty"`
	Tags     map[string]string `tfsdk:"tags" json:"tags,omitempty"`
	Password *string           `tfsdk:"password" json:"password,omitempty"`
	Policy   *string           `tfsdk:"policy" json:"policy,omitempty"` // a JSON document
	Rules    []rule            `tfsdk:"rule" json:"rules,omitempty"`
}

type rule struct {
	Port int64  `tfsdk:"port" json:"port"`
	CIDR string `tfsdk:"cidr" json:"cidr"`
}

// folder is the infrastructure.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name+".json") }

// load reads a resource; false says that there is none.
func (f folder) load(name string) (server, bool, error) {
	raw, err := os.ReadFile(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return server{}, false, nil
	}
	if err != nil {
		return server{}, false, err
	}
	s := server{Rules: []rule{}} // A block that is absent is an empty list.
	if err := json.Unmarshal(raw, &s); err != nil {
		return server{}, false, fmt.Errorf("read %s: %w", f.path(name), err)
	}
	s.ID = types.StringValue(s.Name)
	return s, true, nil
}

// save writes a resource and gives it its id.
func (f folder) save(s *server) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	s.ID = types.StringValue(s.Name)
	return os.WriteFile(f.path(s.Name), raw, 0o600)
}

func (f folder) remove(name string) error {
	if err := os.Remove(f.path(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
