package httpapi

import (
	"github.com/driftsentry/driftsentry/pkg/rest"
	"github.com/driftsentry/driftsentry/services/api/internal/drift"
	"github.com/driftsentry/driftsentry/services/api/internal/monitor"
)

type workspaceBody struct {
	Name        string         `json:"name"`
	Status      monitor.Status `json:"status"`
	LastCheckAt *rest.Time     `json:"lastCheckAt"`
	OpenDrifts  int            `json:"openDrifts"`
	Suppressed  int            `json:"suppressedDrifts"`
	Owner       *string        `json:"owner"`
	Archived    bool           `json:"archived"`
}

func newWorkspaceBody(w monitor.Workspace) workspaceBody {
	return workspaceBody{w.Name, w.Status, rest.TimePtr(w.LastCheckAt), w.OpenDrifts, w.Suppressed, w.Owner, w.Archived}
}

type workspaceDetailBody struct {
	workspaceBody
	settingsBody
	CreatedAt      rest.Time          `json:"createdAt"`
	OpenBySeverity openBody           `json:"openBySeverity"`
	OldestOpenAt   *rest.Time         `json:"oldestOpenAt"`
	LastCheck      *recordedCheckBody `json:"lastCheck"`
	LastGoodCheck  *recordedCheckBody `json:"lastGoodCheck"`
	Trend          []dayBody          `json:"trend"`
}

type settingsBody struct {
	RecordRef  *string `json:"recordRef"`
	RootKnown  bool    `json:"rootKnown"`
	AcceptRoot bool    `json:"acceptRoot"`
	StaleAfter *int    `json:"staleAfter"`
}

type namedSettingsBody struct {
	Name string `json:"name"`
	settingsBody
	Owner    *string `json:"owner"`
	Archived bool    `json:"archived"`
}

type openBody struct {
	Critical int `json:"critical"`
	Warning  int `json:"warning"`
	Info     int `json:"info"`
}

type dayBody struct {
	Date       string `json:"date"`
	Checks     int    `json:"checks"`
	Failed     int    `json:"failed"`
	OpenDrifts int    `json:"openDrifts"`
}

func newWorkspaceDetailBody(d *monitor.Detail) workspaceDetailBody {
	return workspaceDetailBody{
		workspaceBody: newWorkspaceBody(d.Workspace), settingsBody: newSettingsBody(d.WorkspaceSettings), CreatedAt: rest.Time(d.CreatedAt),
		OpenBySeverity: openBody{d.Critical, d.Warning, d.Info}, OldestOpenAt: rest.TimePtr(d.OldestOpenAt),
		LastCheck: lastCheck(d.Last), LastGoodCheck: lastCheck(d.LastGood),
		Trend: bodies(d.Trend, func(day monitor.Day) dayBody { return dayBody(day) }),
	}
}

func newSettingsBody(s drift.WorkspaceSettings) settingsBody {
	return settingsBody{s.RecordRef, s.RootKnown, s.AcceptRoot, s.StaleAfter}
}

// lastCheck is null in JSON when there was none.
func lastCheck(c *drift.Check) *recordedCheckBody {
	if c == nil {
		return nil
	}
	b := newRecordedCheckBody(*c)
	return &b
}
