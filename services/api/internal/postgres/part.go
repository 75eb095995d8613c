package postgres

import (
	"cmp"
	"context"

	"github.com/driftsentry/driftsentry/pkg/pg"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// listing is a list that is sorted by created_at and id. Everything of a part is of one snapshot.
type listing struct {
	name        string // of the statement
	columns     string
	table       string // with the account of its rows
	alias       string // of the table
	join        string // what the columns need besides
	filter      string // further conditions, each after an "and"
	head        string // SQL for the stream's head; empty if the list does not follow the stream
	oldestFirst bool
}

// listed is what a row of a part has besides its own columns.
type listed struct {
	Head  list.Head
	Total int
}

// readPart reads a part of a list. R is a row with the fields of listed, which split takes apart.
func readPart[R, T any](ctx context.Context, db *pg.DB, n listing, r list.Range, args pg.Args, split func(R) (T, listed)) (list.Part[T], error) {
	place, before, direction := "", "<", "desc"
	if n.oldestFirst {
		before, direction = ">", "asc"
	}
	args["limit"], args["offset"] = r.Size+1, r.Offset() // One more, to see whether it is the last part.
	if r.After != nil {
		at, err := r.After.Time()
		if err != nil {
			return list.Part[T]{}, err
		}
		place = " and (" + n.alias + ".created_at, " + n.alias + ".id) " + before + " (@at, @after)"
		args["at"], args["after"], args["offset"] = at, r.After.ID, 0
	}
	from := " from " + n.table + " " + n.alias
	order := " order by " + n.alias + ".created_at " + direction + ", " + n.alias + ".id " + direction
	of := cmp.Or(n.head, "''") + " as head, (select count(*)" + from + " where " + n.alias + ".account_id = @account" + n.filter + ") as total"
	for range list.Attempts {
		// Only the rows of the part are joined, and cut.
		rows, err := pg.Collect[R](ctx, db, "-- SELECT "+n.name+"\nselect "+n.columns+", "+of+
			" from (select *"+from+" where "+n.alias+".account_id = @account"+n.filter+place+order+" limit @limit offset @offset) "+n.alias+n.join+order, args)
		if err != nil {
			return list.Part[T]{}, err
		}
		part := list.Part[T]{Items: make([]T, 0, len(rows)), More: len(rows) > r.Size}
		for _, row := range rows[:min(len(rows), r.Size)] {
			item, also := split(row)
			part.Items, part.Total, part.Head = append(part.Items, item), also.Total, also.Head
		}
		if len(rows) > 0 {
			return part, nil
		}
		type none struct {
			listed
			Found bool
		}
		empty, err := one[none](ctx, db, "", "-- SELECT "+n.name+" count\nselect exists(select"+from+" where "+n.alias+".account_id = @account"+n.filter+place+" offset @offset) as found, "+of, args)
		if err != nil || !empty.Found {
			if err == nil {
				part.Total, part.Head = empty.Total, empty.Head
			}
			return part, err
		}
		// It has just come.
	}
	return list.Part[T]{}, list.ErrBusy
}
