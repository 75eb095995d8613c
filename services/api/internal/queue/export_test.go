package queue

import "time"

// SetRescue makes the jobs of a killed process run again sooner.
func (q *Queue) SetRescue(timeout, rescue time.Duration) {
	q.jobTimeout, q.rescueAfter = timeout, rescue
}
