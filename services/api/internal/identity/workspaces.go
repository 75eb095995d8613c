package identity

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
)

// Bounds of the workspaces that a key is limited to.
const (
	maxGlobs = 50
	maxGlob  = 128
)

// workspaces checks globs, as path.Match takes them: `*` is any text without a slash.
func (in *input) workspaces(field string, globs []string) {
	if globs != nil && len(globs) == 0 || len(globs) > maxGlobs {
		in.refuse(field, "must have 1 to %d names or globs; leave it out for a key of every workspace", maxGlobs)
		return
	}
	for _, glob := range globs {
		_, err := path.Match(glob, "")
		switch n := utf8.RuneCountInString(glob); {
		case n < 1 || n > maxGlob:
			in.refuse(field, "each must have 1 to %d characters", maxGlob)
		case err != nil || strings.Contains(glob, "**") || legible.Line(glob) != "":
			in.refuse(field, "each must be a name or a glob, such as team/*: * is any text without a slash, ** is not supported")
		default:
			continue
		}
		return
	}
}

// MayUse says why the principal may not send anything of a workspace, or learn of it; nil when it may.
func (p Principal) MayUse(workspace string) error {
	if p.Workspaces == nil || slices.ContainsFunc(p.Workspaces, func(glob string) bool {
		ok, err := path.Match(glob, workspace)
		return ok && err == nil
	}) {
		return nil
	}
	return apierror.New(apierror.Forbidden, "this API key, or the trust in this token, is limited to other workspaces")
}
