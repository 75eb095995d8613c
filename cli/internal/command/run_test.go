package command

import (
	"slices"
	"strings"
	"testing"
)

// TestPlanned: mutations: -chdir left behind plan, -target not partial, -out accepted.
func TestPlanned(t *testing.T) {
	for name, tt := range map[string]struct {
		args  string
		want  planning
		scope string
		fails string
	}{
		"the tool alone":        {args: "terraform", want: planning{tool: "terraform"}, scope: "full"},
		"a path":                {args: "/opt/tofu", want: planning{tool: "/opt/tofu"}, scope: "full"},
		"options":               {args: "tofu -chdir=net -var-file=a.tfvars -var b=c", want: planning{"tofu", []string{"-chdir=net"}, []string{"-var-file=a.tfvars", "-var", "b=c"}, false}, scope: "full"},
		"what is done anyway":   {args: "terraform plan -refresh-only -input=false -lock=false", want: planning{tool: "terraform", plan: []string{"-lock=false"}}, scope: "full"},
		"a part":                {args: "terraform -target=aws_x.web", want: planning{tool: "terraform", plan: []string{"-target=aws_x.web"}}, scope: "partial"},
		"a part with two words": {args: "tofu --exclude aws_x.web", want: planning{tool: "tofu", plan: []string{"--exclude", "aws_x.web"}}, scope: "partial"},
		"all units":             {args: "terragrunt --all", want: planning{tool: "terragrunt", all: true}, scope: "full"},
		"nothing":               {fails: "say which tool"},
		"another program":       {args: "pulumi", fails: `"pulumi" is none of`},
		"another command":       {args: "terraform apply", fails: `"apply": driftsentry calls plan itself`},
		"a file":                {args: "terraform -out=x", fails: "-out=x does not go"},
		"no refresh":            {args: "terraform -refresh=false", fails: "-refresh=false does not go"},
		"destroy":               {args: "terraform -destroy", fails: "-destroy does not go"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := planned(strings.Fields(tt.args))
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("%v, want %s", err, tt.fails)
				}
				return
			}
			if err != nil || got.tool != tt.want.tool || !slices.Equal(got.global, tt.want.global) || !slices.Equal(got.plan, tt.want.plan) || got.all != tt.want.all {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
			if got.scope() != tt.scope {
				t.Errorf("the scope is %s", got.scope())
			}
		})
	}
}

// TestFirstError: what tools print in color and frames becomes one line. Mutation: the last error in place of the first.
func TestFirstError(t *testing.T) {
	const printed = "Refreshing…\n\x1b[31m╷\x1b[0m\x1b[0m\n\x1b[31m│\x1b[0m \x1b[0m\x1b[1m\x1b[31mError: \x1b[0m\x1b[0m\x1b[1mInvalid token\x1b[0m\n│ more\nError: second\n"
	for size := 1; size < len(printed); size++ { // Writes may end anywhere.
		var f firstError
		for part := range slices.Chunk([]byte(printed), size) {
			_, _ = f.Write(part)
		}
		if got := f.String(); got != "Invalid token" {
			t.Fatalf("in parts of %d: %q", size, got)
		}
	}
	var f firstError
	_, _ = f.Write([]byte("nothing went wrong"))
	if f.String() != "" {
		t.Errorf("%q", f.String())
	}
	_, _ = f.Write([]byte("\nError: " + strings.Repeat("x", 10_000)))
	if len(f.String()) > maxLine {
		t.Errorf("%d bytes", len(f.String()))
	}
}

// TestTrace: the job's trace goes on; what is not one is replaced by a new one. Mutation: any TRACEPARENT taken.
func TestTrace(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	p := &program{getenv: func(name string) string { return map[string]string{"TRACEPARENT": parent}[name] }}
	if got := p.trace(); got.parent != parent || got.id() != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("%+v", got)
	}
	for _, odd := range []string{"", "x", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", strings.ToUpper(parent), parent + "-x"} {
		p.getenv = func(string) string { return odd }
		if got := p.trace(); !traceparent.MatchString(got.parent) || got.parent == odd || got.state != "" {
			t.Errorf("%q became %+v", odd, got)
		}
	}
}
