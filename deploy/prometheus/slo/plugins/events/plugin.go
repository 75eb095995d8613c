// Package plugin is read by sloth, which interprets it. It makes sloth's rules fit for little traffic and for cheap evaluation:
//
//   - The counters are read once, over the shortest window. Longer windows add up what was recorded, so that three days
//     of every route and status are never read again, and a quiet hour does not weigh as much as a busy one.
//   - An alert also needs ten bad events in its longest window, because a ratio of few events means little.
//   - A ticket waits for 15 minutes, because a page that fires is enough for a short fault.
package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/slok/sloth/pkg/common/conventions"
	utilsdata "github.com/slok/sloth/pkg/common/utils/data"
	promutils "github.com/slok/sloth/pkg/common/utils/prometheus"
	pluginslov1 "github.com/slok/sloth/pkg/prometheus/plugin/slo/v1"
)

// What sloth finds the plugin by.
const (
	PluginVersion = "prometheus/slo/v1"
	PluginID      = "driftsentry/events/v1"
)

const (
	// interval is how often the counters are read: each sample of slo:bad:rate5m stands for so many seconds.
	interval = 30
	// enough bad events tell something.
	enough = 10
)

type plugin struct{}

// NewPlugin is called by sloth.
func NewPlugin(_ json.RawMessage, _ pluginslov1.AppUtils) (pluginslov1.Plugin, error) {
	return plugin{}, nil
}

// ProcessSLO changes the rules that sloth's own plugins have made.
func (plugin) ProcessSLO(_ context.Context, request *pluginslov1.Request, result *pluginslov1.Result) error {
	slo, alerts := request.SLO, request.MWMBAlertGroup
	if slo.SLI.Events == nil {
		return errors.New("the objective has no sli.events: give it error_query and total_query")
	}
	ids := conventions.GetSLOIDPromLabels(slo)
	filter := promutils.LabelsToPromFilter(ids)
	shortest := promutils.TimeDurationToPromStr(alerts.PageQuick.ShortWindow)
	bad, total := "slo:bad:rate"+shortest, "slo:total:rate"+shortest

	var rules []rulefmt.Rule
	for _, rate := range []struct{ record, query string }{{total, slo.SLI.Events.TotalQuery}, {bad, slo.SLI.Events.ErrorQuery}} {
		rules = append(rules, rulefmt.Rule{
			Record: rate.record,
			Expr:   conventions.TplSLIQueryWindowVarRegex.ReplaceAllString(rate.query, shortest),
			Labels: utilsdata.MergeLabels(ids, slo.Labels),
		})
	}
	for _, rule := range result.SLORules.SLIErrorRecRules.Rules {
		window := rule.Labels[conventions.PromSLOWindowLabelName]
		if window == shortest {
			rule.Expr = fmt.Sprintf("%s%s / (%s%s > 0)", bad, filter, total, filter)
		} else {
			rule.Expr = fmt.Sprintf("sum_over_time(%s%s[%s])\n/\n(sum_over_time(%s%s[%s]) > 0)\n", bad, filter, window, total, filter, window)
		}
		rules = append(rules, rule)
	}
	result.SLORules.SLIErrorRecRules.Rules = rules
	result.SLORules.SLIErrorRecRules.Interval = interval * time.Second
	result.SLORules.MetadataRecRules.Interval = interval * time.Second

	for i, rule := range result.SLORules.AlertRules.Rules {
		longest := alerts.PageSlow.LongWindow
		if rule.Labels[conventions.PromSLOSeverityLabelName] == "ticket" {
			longest = alerts.TicketSlow.LongWindow
			rule.For = 15 * 60 * 1e9
		}
		rule.Expr = fmt.Sprintf("(\n%s)\nand\nsum_over_time(%s%s[%s]) * %d >= %d\n",
			rule.Expr, bad, filter, promutils.TimeDurationToPromStr(longest), interval, enough)
		result.SLORules.AlertRules.Rules[i] = rule
	}
	return nil
}
