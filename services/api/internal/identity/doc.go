// Package identity has the accounts, their users with roles, sessions, and API keys.
//
// A session begins with a password and lives by its refresh tokens, each of which is good for one exchange, and for half a minute
// more:
//
//	sign in ──▶ open ──refresh (the old token is spent)──▶ open ──expires──▶ over
//	              └── sign out, a new password, deactivation, an admin, a token that was spent long ago ──▶ revoked
//
// An access token proves a session for a quarter of an hour without the database, which lets an edge
// recognise a known caller first. Whether the session is still valid, and the user's role, is
// looked up for each request, from a cache of some seconds. What changes users, roles, keys or sessions looks again, in its
// transaction (see act).
package identity
