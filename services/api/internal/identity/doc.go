// Package identity is who may do what: accounts, their users with roles, sessions, and API keys.
//
// A session begins with a password and lives by its refresh tokens, each of which is good for one exchange:
//
//	sign in ──▶ open ──refresh (the old token is spent)──▶ open ──expires──▶ over
//	              └── sign out, a new password, deactivation, a spent token that comes back ──▶ revoked
//
// An access token proves a session for a quarter of an hour without a look at the database, which is what lets an edge
// tell a known caller from a stranger before anything else. Whether the session still holds, and the user's role, is
// looked up for each request, from a cache that forgets within seconds.
package identity
