package postgres

import (
	"bytes"
	"fmt"
)

// What a response shows is cut in the statement that reads it, so that a row of any size costs this process, and the database, a
// bounded memory. No response exceeds rest.MaxResponse: a row of a list takes at most rowBytes of it, and a page has 100.

// Bounds of what is shown, in bytes.
const (
	// shortDifference is for the rows of lists, longDifference for a single drift.
	shortDifference = 8 << 10
	longDifference  = 512 << 10
	// shownState is for each of the two states of a drift.
	shownState = 512 << 10
	// shownPage is for the states and differences of a page together.
	shownPage = 2 << 20
	// shownMetadata is for the metadata of a row of the audit trail.
	shownMetadata = 8 << 10
)

// shownObject is SQL for a column of JSON objects as text, in which unmark finds whether it is cut.
func shownObject(column string, opened, shown int) string {
	return fmt.Sprintf("shown_object(%s, %d, %d)", column, opened, shown)
}

// unmark takes the mark off a text of shown_object, and says whether it was there: then not all of the object is.
func unmark(shown []byte) ([]byte, bool) {
	rest, cut := bytes.CutPrefix(shown, []byte("!"))
	return rest, cut
}

// What is opened of a column, in bytes as they are stored, which may be compressed. The API stores no larger states, and no
// difference of more than 256 KiB as text.
const (
	openedShort = 64 << 10
	openedLong  = 512 << 10
	openedState = 16 << 20
	openedPage  = 1 << 20
)

var (
	// shownMembers are the columns that readStates reads.
	shownMembers = shownObject("expected_state", openedState, shownState) + " as expected_state, " +
		shownObject("actual_state", openedState, shownState) + " as actual_state, " + shownObject("difference", openedLong, longDifference) + " as difference"
	listedDifference = shownObject("difference", openedShort, shortDifference)
)
