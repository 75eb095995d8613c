// Package postgres has the stores of the domain packages. The SQL is written by hand, beside the method that runs it.
// The first line of each statement names it for its span. Errors of the driver are distinguished by SQLSTATE and by the
// name of the constraint, never by the text of a message.
package postgres
