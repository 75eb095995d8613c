// Package redaction masks secrets in log lines and spans before they leave: by
// the name of the field, and by the shape of the value.
package redaction
