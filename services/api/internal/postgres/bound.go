package postgres

import (
	"strconv"
	"strings"
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

// object is SQL that cuts a JSON object.
type object struct {
	column string
	// opened is how large a value may be, as it is stored, to be looked at. Reading a larger one costs too much.
	opened, shown int
}

// text is the column as text; null if the stored value is too large to be looked at. The statement must name it column_text, in
// a subquery of its own, so that it is made once.
func (o object) text() string {
	return replace(`case when pg_column_size(COLUMN) <= OPENED then COLUMN::text end as COLUMN_text`, o)
}

// whole reports, in SQL, whether nothing has to be cut.
func (o object) whole() string {
	return replace(`coalesce(octet_length(COLUMN_text) <= SHOWN, false)`, o)
}

// value is the object's text, with as many members as there is room for, the ones with short names first.
func (o object) value() string {
	return replace(`case when COLUMN_text is null then '{}' when octet_length(COLUMN_text) <= SHOWN then COLUMN_text else coalesce((
		select jsonb_object_agg(key, value)::text from (
			select key, value, sum(octet_length(to_json(key)::text) + octet_length(value::text) + 4) over (rows unbounded preceding) as size
			from (
				select key, value from jsonb_each(case when jsonb_typeof(COLUMN) = 'object' then COLUMN else '{}' end)
				where octet_length(value::text) <= SHOWN offset 0
			) member
		) member where size <= SHOWN
	), '{}') end`, o)
}

func replace(sql string, o object) string {
	return strings.NewReplacer("COLUMN", o.column, "OPENED", strconv.Itoa(o.opened), "SHOWN", strconv.Itoa(o.shown)).Replace(sql)
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
	listedDifference = object{"difference", openedShort, shortDifference}
	difference       = object{"difference", openedLong, longDifference}
	expectedState    = object{"expected_state", openedState, shownState}
	actualState      = object{"actual_state", openedState, shownState}
)

// drift columns that are made of the above.
var (
	// withTexts has the texts of a drift's objects, for a subquery around the one that finds the drifts.
	withTexts = `*, ` + difference.text() + `, ` + expectedState.text() + `, ` + actualState.text()
	// wholeStates are the columns that readStates reads.
	wholeStates = expectedState.value() + ` as expected_state, ` + actualState.value() + ` as actual_state,
		not (` + expectedState.whole() + ` and ` + actualState.whole() + `) as states_cut,
		` + difference.value() + ` as difference, not ` + difference.whole() + ` as difference_cut`
)
