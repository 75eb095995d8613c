// Package plan reads what Terraform or OpenTofu print for `show -json PLANFILE` and turns it into changes that are safe
// to store, log and send: everything secret is masked before any other package sees a value.
//
// A plan names its masks after the values they cover, and a secret of one resource may stand in the open in another, so
// reading takes two passes:
//
//	bytes ─▶ pass 1: stream through the plan ──▶ secrets: every masked string of 8 characters or more
//	              │                         │    and what is inside: parts, documents, base64
//	              │                         └──▶ spared: regions, types and addresses of this plan
//	              └─ keep the bytes of entries that may be drift, compressed
//	                      │
//	                      ▼
//	         pass 2: each kept entry ─▶ tree ─▶ write both states redacted ─▶ find where they differ ─▶ Change
//
// Two states differ when they mean something else, not when they are written in another way (meaning, differ, match).
//
// A plan also says how the drifts ended that it does not list. Pass 1 counts what tells how it was made (Evidence),
// and compares the resources of prior_state with the stored hashes of the open drifts (Options.Open); Judge has the result.
//
// The plan itself is never held whole: what pass 1 only looks through (prior state, planned values, configuration) goes
// by in a buffer of the size of one resource, and the entries that stay in memory are compressed and counted. The JSON is read
// with jsontext, the tokenizer of encoding/json/v2, which refuses invalid UTF-8 and lone surrogates. An entry that has a name
// twice is left out, as is one that is too large or too deep for a tree: outline reads its names, and its secrets are looked for
// without a tree. A second "before_sensitive" therefore never takes a mask off.
//
// The package is pure: no database, no network, no telemetry, and no error text that repeats a value of the plan.
package plan
