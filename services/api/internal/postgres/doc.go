// Package postgres is the stores of the domain packages, by hand-written SQL that stands beside the method that runs it.
// The first line of each statement names it for its span. What the driver says is told apart by SQLSTATE and by the name
// of the constraint, never by the text of a message.
package postgres
