// Package security checks what needs no running service: the queries' scope, what the programs are made of and under
// which licences, that what we build with is pinned, and that docs/security.md is right about its tests.
package security
