package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/driftsentry/driftsentry/client"
)

// TestConsole_many: a plan of a thousand drifts reaches an open page as one number, and the whole list can be scrolled with a few rows in
// the page. Mutations: VirtualList that draws every row; more that stops after the first page; unseen that counts events.
func TestConsole_many(t *testing.T) {
	const many = 1000
	d := startDesk(t)
	d.report("aws_instance.there", client.Critical)
	p := d.person()
	d.signIn(p, "engineer")
	p.shows("aws_instance.there", "")
	if _, err := d.engineer.SendPlan(t.Context(), "huge", bytes.NewReader(planOf(t, many)), client.PlanOptions{Mode: "refresh-only", Scope: "full"}); err != nil {
		t.Fatal(err)
	}
	p.await("all are announced", fmt.Sprintf(`document.querySelector('.news')?.innerText.startsWith('%d new')`, many))
	p.press("n")
	p.await("the list has them", `document.querySelector('.bar .count').textContent === '1,001 drifts'`)
	most := value[int](p, fmt.Sprintf(`(async () => {
		const list = document.querySelector('.virtual');
		let most = 0;
		while (list.scrollHeight < %d * document.querySelector('.row').offsetHeight) {
			list.scrollTop = list.scrollHeight;
			most = Math.max(most, document.querySelectorAll('.row[data-row]').length);
			await new Promise((done) => setTimeout(done, 20));
		}
		return most;
	})()`, many+1))
	if most == 0 || most > 100 {
		t.Errorf("%d rows were in the page at a time", most)
	}
	p.await("the last row", fmt.Sprintf(`(document.querySelector('.virtual').scrollTop = 1e9, document.querySelector('.row[aria-posinset="%d"]') !== null)`, many+1))
}

// planOf is a plan with so many drifts.
func planOf(t *testing.T, n int) []byte {
	t.Helper()
	entries := make([]map[string]any, n)
	for i := range entries {
		entries[i] = map[string]any{
			"address": fmt.Sprintf("aws_instance.node[%d]", i), "mode": "managed", "type": "aws_instance", "name": "node",
			"provider_name": "registry.terraform.io/hashicorp/aws",
			"change": map[string]any{
				"actions": []string{"update"}, "before": map[string]any{"instance_type": "a"}, "after": map[string]any{"instance_type": "b"}, "after_unknown": struct{}{},
			},
		}
	}
	plan, err := json.Marshal(map[string]any{
		"format_version": "1.2", "terraform_version": "1.11.4", "timestamp": time.Now().UTC().Format(time.RFC3339), "complete": true, "errored": false,
		"resource_drift": entries,
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}
