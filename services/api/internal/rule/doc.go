// Package rule is what an account's rules are, and what they make of a drift. It is pure: no database, no clock, no telemetry.
//
// The rules have an order. What is ignored, the severity and the owner are settled apart, each by the first rule with that effect
// that matches:
//
//	rules ─Compile─▶ Set, once for an account and version ─For─▶ Scope, once for a workspace ─Judge─▶ Verdict, for each drift
//
// A drift is suppressed when each of its paths is ignored. The rule that is named is the one that ends first, so that it also says
// until when at least.
package rule
