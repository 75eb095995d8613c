package rest

// Outcomes are the codes of errors with their statuses: all that a request may
// end with when it fails.
func Outcomes() map[string]int {
	outcomes := make(map[string]int, len(statuses))
	for kind, status := range statuses {
		outcomes[kind.Code()] = status
	}
	return outcomes
}
