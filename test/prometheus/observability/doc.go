// Package observability tests the files that an SRE relies on: rules, dashboards, runbooks. What they name must exist.
package observability
