// Package oidc speaks OpenID Connect with other servers: it signs people in with an identity provider, and verifies the tokens that
// hosts of CI issue to their jobs. It proves who someone is; package identity decides what they may do.
//
// Both need the public keys of an issuer, which are fetched and kept:
//
//	none ──▶ known ──an hour, or an unknown key id──▶ fetched again, by one request at a time, at most once a minute
//	 │         └── the issuer does not respond: the known keys hold for a day
//	 └── the issuer does not respond: the next try is 15 s later, and the requests until then are refused at once
package oidc
