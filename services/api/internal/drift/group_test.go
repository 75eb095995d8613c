package drift_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

func states(expected, actual string) func(*drift.Report) {
	return func(r *drift.Report) {
		r.ExpectedState, r.ActualState = json.RawMessage(expected), json.RawMessage(actual)
	}
}

// Mutations: drift_group without the type; change_shape without the types of the values, or with the members of lists.
func TestService_Groups(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.report("capacity-"+strconv.Itoa(i), states(`{"desired_capacity":2}`, `{"desired_capacity":`+strconv.Itoa(7+i)+`}`))
	}
	w.report("other type", func(r *drift.Report) { r.ResourceType = "aws_ecs_service" }, states(`{"desired_capacity":2}`, `{"desired_capacity":7}`))
	w.report("other shape", states(`{"desired_capacity":2}`, `{"desired_capacity":"7"}`))
	w.report("10/8", states(`{"ingress":[{"name":"ssh","cidr":["10.0.0.0/8"]}]}`, `{"ingress":[{"name":"ssh","cidr":["10.0.0.0/8","10.1.0.0/16"]}]}`))
	w.report("11/8", states(`{"ingress":[{"name":"web","cidr":["11.0.0.0/8"]}]}`, `{"ingress":[{"name":"web","cidr":["11.0.0.0/8","11.1.0.0/16"]}]}`))

	groups, err := w.service.Groups(t.Context(), w.engineer, drift.Filter{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]int, 0, len(groups.Items))
	for _, g := range groups.Items {
		counts = append(counts, g.Count)
	}
	if !slices.Equal(counts, []int{3, 2, 1, 1}) || groups.Total != 4 || groups.Drifts != 7 || groups.Head == "" {
		t.Fatalf("%v: %+v", counts, groups)
	}
	largest := groups.Items[0]
	if diff := cmp.Diff([]drift.ChangedPath{{Path: "desired_capacity", Expected: "number", Actual: "number"}}, largest.Paths); diff != "" ||
		largest.ResourceType != "aws_instance" || largest.Warning != 3 || largest.Open != 3 || largest.Workspaces != 1 || largest.PathCount != 1 {
		t.Errorf("%+v\n%s", largest, diff)
	}
	if path := groups.Items[1].Paths[0].Path; !slices.Contains([]string{"ingress.cidr[*]", "ingress[*].cidr[*]"}, path) {
		t.Errorf("the path of a list is %q", path)
	}

	check := func(what string) {
		t.Helper()
		found, total, err := w.list(drift.Filter{Group: []uuid.UUID{largest.ID}}, drift.Order{By: drift.ByCreated}, list.Page{Number: 1, Size: 10})
		if err != nil || total != 3 || len(found) != 3 {
			t.Errorf("%s: the group has %d, %v", what, total, err)
		}
		again, err := w.service.Groups(t.Context(), w.engineer, drift.Filter{Group: []uuid.UUID{largest.ID}}, 10)
		if err != nil || len(again.Items) != 1 || again.Items[0].Count != 3 {
			t.Errorf("%s: %+v, %v", what, again, err)
		}
	}
	check("as written")
	w.exec("update drift set change_group = null") // as the version before writes them
	check("without the column")

	one, err := w.service.Groups(t.Context(), w.engineer, drift.Filter{}, 1)
	if err != nil || len(one.Items) != 1 || one.Total != 4 || one.Drifts != 7 {
		t.Errorf("%+v, %v", one, err)
	}
	outcomes, err := w.service.DecideMany(t.Context(), w.engineer, drift.Selection{Filter: &drift.Filter{Group: []uuid.UUID{largest.ID}}, Expected: 3}, approval)
	if err != nil || len(outcomes) != 3 {
		t.Errorf("%d outcomes, %v", len(outcomes), err)
	}
	if other, err := w.service.Groups(t.Context(), w.stranger, drift.Filter{}, 10); err != nil || len(other.Items) != 0 {
		t.Errorf("a stranger sees %+v, %v", other, err)
	}
}

// A drift of another difference, or another type, is in another group. Mutation: SaveStates, or SaveDrifts, without the column.
func TestService_Groups_follows_the_difference(t *testing.T) {
	w := newWorld(t)
	d := w.report("web", states(`{"a":1}`, `{"a":2}`))
	group := func() uuid.UUID {
		return query[uuid.UUID](w, "select coalesce(change_group, drift_group(resource_type, difference)) from drift where id = $1", d.ID)
	}
	was := group()
	if was != query[uuid.UUID](w, "select drift_group(resource_type, difference) from drift where id = $1", d.ID) {
		t.Error("what is written is not what is computed")
	}
	w.exec("update drift set resource_type = 'aws_db_instance', change_group = null where id = $1", d.ID)
	if group() == was {
		t.Error("it is in the group of another type")
	}
}
