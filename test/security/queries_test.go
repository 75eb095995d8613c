package security

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/driftsentry/driftsentry/testkit/doctable"
)

// unscoped are the statements that name no account, and why they need not.
var unscoped = map[string]string{
	// Who is it? What is asked by is what only that one has.
	"(*IdentityStore).Key":          "by the id in an API key whose tag we made; its hash is compared afterwards",
	"(*IdentityStore).TouchKey":     "the key that was just looked up",
	"(*IdentityStore).Credentials":  "sign-in: the e-mail is what finds the account",
	"(*IdentityStore).Session":      "by the id in a token that we signed; user and account are compared afterwards",
	"(*IdentityStore).SetupToken":   "by the hash of 256 random bits",
	"identityTx.LockRefreshToken":   "by the hash of 256 random bits",
	"identityTx.SpendRefreshToken":  "by the hash of 256 random bits",
	"identityTx.UseSetupToken":      "by the hash of 256 random bits",
	"(*Store).Changed":              "by the sessions of open sockets",
	"identityTx.InsertRefreshToken": "of the session that was just made or locked",
	"identityTx.InsertSession":      "of the user who has just signed in",
	"identityTx.SpendSetupTokens":   "of the user who was just locked in the account, or whose password an operator has just reset",
	"(*IdentityStore).Preferences":  "of the caller",
	"auditTx.SessionOpen":           "of the caller, who was just locked in the account",
	"identityTx.Preferences":        "of the caller, who was just locked in the account",
	"identityTx.SavePreferences":    "of the caller, who was just locked in the account",
	"identityTx.InsertSetupToken":   "of the user who was just made or locked in the account",
	"identityTx.ExtendSession":      "the session whose refresh token is locked",
	"identityTx.RevokeSession":      "of the caller, who was just locked, or whose refresh token is",
	"identityTx.RevokeSessions":     "of the user who was just locked in the account, or who has proven the password",
	"identityTx.SaveUser":           "the user who was just locked in the account",
	"identityTx.SetPassword":        "the user who has proven the password or the setup token",
	"identityTx.NoteSignIn":         "the user whose password was just checked",
	"identityTx.NoteNetwork":        "of the user who has just signed in",
	"(*IdentityStore).Attempts":     "sign-in: of the e-mail, and of its user who was just looked up; none of it is shown",
	"(*IdentityStore).AllTrusts":    "tokens of CI: issuer and audience are what finds the account",
	"(*IdentityStore).TouchTrust":   "the trust that was just looked up",
	"identityTx.AccountNamed":       "sign-in with the identity provider: the account that the operator named",
	"identityTx.UserWithIdentity":   "sign-in with the identity provider: the person is what finds the user, whose account is compared afterwards",
	"identityTx.UserWithEmail":      "sign-in with the identity provider: the account is compared afterwards",
	"identityTx.HasIdentity":        "the user who was just locked in the account",
	"identityTx.NoteProviderSignIn": "the user who was just made or locked in the account",
	"identityTx.HideValues":         "changes an account by its name; for operators",
	"identityTx.EnsureAccount":      "makes an account; for operators",
	"activeRules":                   "the account itself, by the id of the caller's",
	"driftTx.RulesVersion":          "the account itself, by the id of the caller's",
	"driftTx.LockRules":             "the account itself, by the id of the caller's",
	// The workspace was locked in the account.
	"driftTx.SaveWorkspace":  "the workspace that the transaction has locked in the account",
	"driftTx.FirstUpload":    "the workspace that the transaction has locked in the account",
	"driftTx.ForgetResponse": "the check of a workspace that the transaction has locked in the account",
	// The drifts were locked in the account.
	"driftTx.SaveDecided":   "drifts that the transaction has locked in the account",
	"driftTx.Decided":       "drifts that the transaction has locked in the account",
	"driftTx.ForgetDecided": "drifts that the transaction has locked in the account",
	// The account itself.
	"driftTx.RequestRules": "the account itself, by the id of the caller's",
	// For all accounts, on purpose, and not shown to users.
	"(*RetentionStore).TrimEvents":            "retention",
	"(*RetentionStore).RemoveChecks":          "retention",
	"(*RetentionStore).RemoveResponses":       "retention, over all accounts",
	"(*RetentionStore).RemoveIdempotencyKeys": "retention",
	"(*RetentionStore).RemoveSignIns":         "retention",
	"(*RetentionStore).ShortenSessions":       "retention",
	"(*RetentionStore).RemoveDeliveries":      "retention",
	"(*MonitorStore).WorkspaceCounts":         "a gauge without accounts",
	"(*InsightStore).Load":                    "gauges without accounts",
	"(*DriftStore).ExpiredAccounts":           "in which accounts approvals have ended; timed work",
	"(*DriftStore).StaleAccounts":             "in which accounts workspaces are stale; timed work",
	"driftTx.Turn":                            "which process does timed work",
	"(*NotifyStore).Next":                     "a channel by the id in its job, which an event of its account made",
	"(*NotifyStore).Wake":                     "jobs of channels that have something to send",
	"(*NotifyStore).Backlog":                  "a gauge without accounts",
	"(*NotifyStore).Targets":                  "seals them again after a change of DATA_KEY",
	"(*NotifyStore).Reseal":                   "seals one again after a change of DATA_KEY",
	"notifyTx.Record":                         "the delivery that was just sent, and its channel",
	"notifyTx.Drop":                           "the delivery whose turn it was",
	"notifyTx.LockAccount":                    "the account itself, by the id of the caller's",
	"(*DriftStore).RuleRuns":                  "which accounts have rules to apply",
	"(*DriftStore).ExpiredRules":              "which accounts have rules that expire",
	"(*SealStore).Mark":                       "the chain of seals is over all accounts; for operators",
	"(*SealStore).Settled":                    "the chain of seals is over all accounts; for operators",
	"(*SealStore).Seal":                       "the chain of seals is over all accounts; for operators",
	"(*SealStore).Trim":                       "the chain of seals is over all accounts; for operators",
	"(*SealStore).Read":                       "the chain of seals is over all accounts; for operators",
	"lastSeals":                               "the chain of seals is over all accounts; for operators",
	"sealRows":                                "the chain of seals is over all accounts; for operators",
	"insertSeal":                              "the chain of seals is over all accounts; for operators",
	"sealReader.Seals":                        "the chain of seals is over all accounts; for operators",
	"sealReader.Removed":                      "the chain of seals is over all accounts; for operators",
	"sealReader.Redactions":                   "the chain of seals is over all accounts; for operators",
	"sealReader.Left":                         "the chain of seals is over all accounts; for operators",
	"sealReader.Unsealed":                     "the chain of seals is over all accounts; for operators",
	"(*ScrubStore).Claim":                     "which process redacts the stored data again",
	"(*ScrubStore).Step":                      "how far it has come",
	"Postgres.Notify":                         "hints, which hold an account and a number",
	"Postgres.prove":                          "a listener's own notification, without content",
	"Postgres.Listen":                         "hints, which hold an account and a number",
}

var whereMade = regexp.MustCompile(`\w+Where\(account`)

// TestAttackUnscopedQuery: every statement of both services names the account, in its text or by a function that makes
// its condition, or is on the list with its reason. So a query that forgets it can't be added unseen.
// (TestAttackOtherAccount runs them.) Mutation: `account_id = @account` left out of Timeline's or SeverityCounts'
// statement.
func TestAttackUnscopedQuery(t *testing.T) {
	seen := map[string]bool{}
	statements := 0
	for _, dir := range []string{"services/api/internal/postgres", "services/realtime/internal/postgres", "pkg/hint", "pkg/stream"} {
		files, err := filepath.Glob(filepath.Join(doctable.Root(t), dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, source, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, declaration := range parsed.Decls {
				fn, ok := declaration.(*ast.FuncDecl)
				if !ok {
					continue
				}
				for _, call := range statementsOf(fn) {
					statements++
					text := string(source[set.Position(call.Pos()).Offset:set.Position(call.End()).Offset])
					body := string(source[set.Position(fn.Pos()).Offset:set.Position(fn.End()).Offset])
					conditionIsMade := strings.Contains(text, "+where") && whereMade.MatchString(body)
					if strings.Contains(text, "account_id") && (strings.Contains(text, "@account") || strings.Contains(text, "$1")) || conditionIsMade {
						continue
					}
					name := nameOf(fn)
					if unscoped[name] == "" {
						t.Errorf("%s: %s runs a statement that names no account:\n%s", filepath.Base(file), name, text)
					}
					seen[name] = true
				}
			}
		}
	}
	if statements < 50 {
		t.Errorf("only %d statements were found", statements)
	}
	for _, name := range slices.Sorted(maps.Keys(unscoped)) {
		if !seen[name] {
			t.Errorf("%s is on the list, but has no such statement", name)
		}
	}
}

// statementsOf are the calls that are given a statement: a text, or texts put together, that begins with its name.
func statementsOf(fn *ast.FuncDecl) []*ast.CallExpr {
	var calls []*ast.CallExpr
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for _, arg := range call.Args {
			for {
				sum, ok := arg.(*ast.BinaryExpr)
				if !ok {
					break
				}
				arg = sum.X
			}
			if text, ok := arg.(*ast.BasicLit); ok && text.Kind == token.STRING && strings.HasPrefix(text.Value[1:], "-- ") {
				calls = append(calls, call)
			}
		}
		return true
	})
	return calls
}

func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	switch receiver := fn.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		return "(*" + receiver.X.(*ast.Ident).Name + ")." + fn.Name.Name
	case *ast.Ident:
		return receiver.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}
