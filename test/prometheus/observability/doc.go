// Package observability tests the files that an SRE relies on: rules, dashboards, runbooks. The names in them must exist.
package observability
