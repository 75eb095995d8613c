package identity

import (
	"context"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/pkg/apierror"
	"github.com/driftsentry/driftsentry/pkg/legible"
	"github.com/driftsentry/driftsentry/pkg/uid"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// Trust says which tokens that a host of CI issues to its jobs may send plans and report drifts.
type Trust struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Name      string
	// Issuer is an https URL, and Audience the one audience of the tokens, which belongs to this account alone.
	Issuer   string
	Audience string
	// Subject is a glob of the token's subject: * is any text without a slash, ** any text.
	Subject string
	// Claims are globs of other claims by their names, all of which must match.
	Claims map[string]string
	// Workspaces are globs; nil is every workspace.
	Workspaces []string
	CreatedAt  time.Time
	CreatedBy  string // an email
	LastUsedAt *time.Time
}

// NewTrust is a trust that is to be made.
type NewTrust struct {
	Name, Issuer, Audience, Subject string
	Claims                          map[string]string
	Workspaces                      []string
}

// Bounds of trusts.
const (
	maxTrusts    = 50 // of an account
	maxTrustText = 255
	maxClaims    = 10
)

var (
	errManyTrusts = apierror.Newf(apierror.Conflict, "the account has %d trusts already, which is the most; delete one first", maxTrusts)
)

// Trusts is a part of the account's trusts, oldest first.
func (s *Service) Trusts(ctx context.Context, p Principal, r list.Range) (list.Part[Trust], error) {
	return s.store.Trusts(ctx, p.AccountID, r)
}

// CreateTrust makes a trust.
func (s *Service) CreateTrust(ctx context.Context, p Principal, n NewTrust) (Trust, error) {
	if err := n.check(); err != nil {
		return Trust{}, err
	}
	t := Trust{
		ID: uid.New(), AccountID: p.AccountID, Name: n.Name, Issuer: n.Issuer, Audience: n.Audience, Subject: n.Subject, Claims: n.Claims,
		Workspaces: n.Workspaces, CreatedAt: s.now(), CreatedBy: p.Email,
	}
	if t.Claims == nil {
		t.Claims = map[string]string{}
	}
	err := s.store.InTx(ctx, "trust.create", func(ctx context.Context, tx Tx) error {
		by, _, err := s.act(ctx, tx, p, Admin)
		if err != nil {
			return err
		}
		// Two at the same moment may make one too many, which does no harm.
		if n, err := tx.CountTrusts(ctx, p.AccountID); err != nil || n >= maxTrusts {
			if err == nil {
				err = errManyTrusts
			}
			return err
		}
		if err := tx.InsertTrust(ctx, t, p.UserID); err != nil {
			return err
		}
		return s.record(ctx, tx, p.AccountID, by, actionTrustCreated, t.Name, "tokens of CI are trusted", map[string]any{
			"trust": t.ID, "issuer": t.Issuer, "audience": t.Audience, "subject": t.Subject, "claims": t.Claims, "workspaces": t.Workspaces, "session": p.SessionID,
		})
	})
	s.trusts.forget()
	return t, err
}

// DeleteTrust ends a trust.
func (s *Service) DeleteTrust(ctx context.Context, p Principal, id uuid.UUID) error {
	err := s.store.InTx(ctx, "trust.delete", func(ctx context.Context, tx Tx) error {
		by, _, err := s.act(ctx, tx, p, Admin)
		if err != nil {
			return err
		}
		t, err := tx.DeleteTrust(ctx, p.AccountID, id)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, p.AccountID, by, actionTrustDeleted, t.Name, "tokens of CI are no longer trusted", map[string]any{
			"trust": id, "issuer": t.Issuer, "audience": t.Audience, "subject": t.Subject,
		})
	})
	s.trusts.forget()
	return err
}

func (n *NewTrust) check() error {
	var in input
	in.text("name", n.Name, maxKeyName)
	in.issuer(n.Issuer)
	in.text("audience", n.Audience, maxTrustText)
	in.glob("subject", n.Subject)
	if len(n.Claims) > maxClaims {
		in.refuse("claims", "must be %d at most", maxClaims)
	}
	for name, glob := range n.Claims {
		if utf8.RuneCountInString(name) > maxKeyName || name == "" || legible.Line(name) != "" {
			in.refuse("claims", "must have names of 1 to %d characters", maxKeyName)
			break
		}
		in.glob("claims", glob)
	}
	if n.Workspaces != nil {
		in.workspaces("workspaces", n.Workspaces)
	}
	if err := in.err(); err != nil {
		return err
	}
	n.owned(&in)
	return in.err()
}

// issuer is an https URL without anything that could name another place, as OpenID Connect has it.
var issuer = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?$`)

func (in *input) issuer(value string) {
	if !issuer.MatchString(value) || len(value) > maxTrustText || strings.Contains(value, "/../") {
		in.refuse("issuer", "must be the https URL that the tokens name as iss, such as https://token.actions.githubusercontent.com or https://gitlab.com")
	}
}

// glob is a text in which * is any text without a slash, and ** any text. One that matches everything is none.
func (in *input) glob(field, value string) {
	before := len(in.fields)
	in.text(field, value, maxTrustText)
	if len(in.fields) > before {
		return
	}
	if strings.Trim(value, "*") == "" {
		in.refuse(field, "must have text besides *, or it would trust every job of the host")
	}
}

// sharedHosts are issuers of everyone's jobs. How a subject begins there that names whose job it is, and the claims that say so too.
var sharedHosts = map[string]struct {
	subject *regexp.Regexp
	claims  []string
	example string
}{
	"https://token.actions.githubusercontent.com": {
		regexp.MustCompile(`^repo:[^/:*]+/`), []string{"repository", "repository_id", "repository_owner", "repository_owner_id"}, "repo:your-organization/*:**",
	},
	"https://gitlab.com": {
		regexp.MustCompile(`^project_path:[^/:*]+/`), []string{"project_path", "project_id", "namespace_path", "namespace_id"}, "project_path:your-group/**",
	},
}

// owned asks for the owner of the jobs, where the issuer serves everyone.
func (n *NewTrust) owned(in *input) {
	host, shared := sharedHosts[strings.TrimSuffix(n.Issuer, "/")]
	if !shared || host.subject.MatchString(n.Subject) {
		return
	}
	for _, name := range host.claims {
		// An owner's glob before the first slash would be everyone's.
		if value, ok := n.Claims[name]; ok {
			if owner, _, _ := strings.Cut(value, "/"); !strings.Contains(owner, "*") {
				return
			}
		}
	}
	in.refuse("subject", "must begin with the owner of the jobs, such as %s, since this issuer serves everyone; or give one of the claims %s",
		host.example, strings.Join(host.claims, ", "))
}

// accepts reports whether the trust is in this token, whose issuer and audience are those of the trust.
func (t *Trust) accepts(token *CIToken) bool {
	if !matches(t.Subject, token.Subject) {
		return false
	}
	for name, glob := range t.Claims {
		value, ok := token.Claims[name]
		if !ok || !matches(glob, value) {
			return false
		}
	}
	return true
}

// matches reports whether the whole text is one that the glob describes. It takes linear time for each ** or *, and texts are short.
func matches(glob, text string) bool {
	var expression strings.Builder
	expression.WriteString(`\A(?s:`)
	for rest := glob; rest != ""; {
		before, after, found := strings.Cut(rest, "*")
		expression.WriteString(regexp.QuoteMeta(before))
		if !found {
			break
		}
		if deep := strings.TrimLeft(after, "*"); deep != after {
			expression.WriteString(`.*`)
			rest = deep
		} else {
			expression.WriteString(`[^/]*`)
			rest = after
		}
	}
	expression.WriteString(`)\z`)
	compiled, err := regexp.Compile(expression.String())
	return err == nil && compiled.MatchString(text)
}
