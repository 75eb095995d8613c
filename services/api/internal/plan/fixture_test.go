package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRead_other_tools reads whole plans as other tools and versions write them, made by hand in their formats. Each
// change is written as: origin, object, its actions (and what is planned), and the paths that differ.
func TestRead_other_tools(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes []string
		moves   []Move
		slimmed bool
		// resolves is of drift, and of changes.
		resolves [2]bool
	}{
		{
			name: "hcp_redacted.json", slimmed: true,
			changes: []string{
				"drift aws_db_instance.main update (update) allocated_storage password",
				`drift aws_instance.web["blue"] delete (create) ami availability_zone instance_type`,
			},
		},
		{
			name: "opentofu_1.10.json",
			changes: []string{
				"drift aws_security_group.web update (update) ingress[\"https\"].cidr_blocks[\"0.0.0.0/0\"]",
				"change aws_s3_bucket.imported update (update) force_destroy tags.owner",
			},
		},
		{
			name:    "terraform_0.15.json",
			changes: []string{"drift aws_route53_record.www update (update) records[\"192.0.2.1\"]"},
		},
		{
			name: "lives_tf1.12.json",
			moves: []Move{
				{`aws_subnet.private["eu-west-1a"]`, `module.net.aws_subnet.private["eu-west-1a"]`, "aws_subnet", "hashicorp/aws"},
				{"aws_eip.old", "aws_eip.renamed", "aws_eip", "hashicorp/aws"},
			},
			changes: []string{
				"drift aws_instance.web update (replace) instance_type user_data",
				"drift aws_instance.web (deposed 6f1d3e2a) delete (delete) instance_type",
				"drift aws_instance.web (deposed 91c07b44) delete () instance_type",
				`drift module.net.aws_subnet.private["eu-west-1a"] update (update) tags.tier`,
				"drift aws_ebs_volume.data update (replace) size",
				"change aws_kms_key.protected create,forget (replace) enable_key_rotation",
			},
		},
		{
			name: "shapes_tf1.11.json", resolves: [2]bool{true, true},
			changes: []string{
				"drift aws_security_group.sets update () ingress[\"#cc800e88\"] names[\"b\"]",
				"drift aws_iam_policy.deep update () document" + strings.Repeat(".statement", 16) + ".leaf",
				`drift aws_eks_cluster.names update () labels["a \"quoted\" one"] labels["app.kubernetes.io/name"] labels["äö"]`,
				"drift aws_cloudwatch_alarm.numbers update () big",
				"change aws_instance.unknown update (update) nics.mac",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := read(t, fixture(t, tt.name), true)
			var got []string
			for _, c := range p.Changes {
				var paths map[string]any
				if err := json.Unmarshal(c.Difference, &paths); err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%s %s %s (%s) %s", c.Origin, c.ResourceID(), strings.Join(c.Actions, ","), c.PlannedAction,
					strings.Join(slices.Sorted(maps.Keys(paths)), " ")))
			}
			if d := cmp.Diff(tt.changes, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(tt.moves, p.Moves); d != "" {
				t.Error(d)
			}
			if resolves := [2]bool{p.Judge(OriginDrift, "a.b").Resolved, p.Judge(OriginChange, "a.b").Resolved}; p.Slimmed != tt.slimmed || resolves != tt.resolves {
				t.Errorf("slimmed %t, resolves %v", p.Slimmed, resolves)
			}
		})
	}
}

var (
	hidden = regexp.MustCompile(`hide[^a-z]`)
	kept   = regexp.MustCompile(`keep[-_][\w-]+|7777\d+`)
)

// TestRead_redaction_fixtures: a whole plan for each rule of the redaction. What begins with "hide" shows nowhere, and what
// begins with "keep", or is a number from 7777000 on, shows.
func TestRead_redaction_fixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/redaction/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := read(t, string(raw))
			if len(p.Changes) == 0 || !hidden.Match(raw) && !kept.Match(raw) {
				t.Fatal("nothing is to be seen in it")
			}
			out := shown(p, nil)
			if hidden.MatchString(out) {
				t.Errorf("a secret shows: %s", out)
			}
			for _, c := range p.Changes {
				if c.Name == "open" && strings.Contains(string(c.Expected)+string(c.Actual), Redacted) {
					t.Errorf("it is masked: %s %s", c.Expected, c.Actual)
				}
			}
			for _, text := range kept.FindAllString(string(raw), -1) {
				if !strings.Contains(out, text) {
					t.Errorf("%s does not show: %s", text, out)
				}
			}
		})
	}
}
