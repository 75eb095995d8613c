package httpapi

import "github.com/driftsentry/driftsentry/pkg/rest"

// errorReport is what the people of an account may see.
type errorReport struct {
	Replica string         `json:"replica"`
	Since   rest.Time      `json:"since"`
	Total   int            `json:"total"`
	ByCode  map[string]int `json:"byCode"`
	Recent  []errorEntry   `json:"recent"`
}

// errorEntry is one error as its caller received it.
type errorEntry struct {
	Timestamp rest.Time `json:"timestamp"`
	Code      string    `json:"code"`
	Status    int       `json:"status"`
	Method    string    `json:"method"`
	Route     string    `json:"route"`
	Message   string    `json:"message"`
	TraceID   string    `json:"traceId"`
}
