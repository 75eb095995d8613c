package drift

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/driftsentry/driftsentry/services/api/internal/list"
)

// sortedChars is how much of a resource's id a list is sorted by.
const sortedChars = 256

// Place is the drift's place in a list that is sorted by this key.
func (d *Drift) Place(by SortKey) list.Place {
	switch by {
	case ByDetected:
		return list.At(d.DetectedAt, d.ID)
	case ByLastSeen:
		return list.At(d.LastSeenAt, d.ID)
	case ByCost:
		return list.Place{Key: strconv.FormatFloat(d.CostImpactMonthly, 'f', 2, 64), ID: d.ID}
	case BySeverity:
		return list.Place{Key: strconv.Itoa(len(Severities) - slices.Index(Severities, d.Severity)), ID: d.ID}
	case ByWorkspace:
		return list.Place{Key: d.Workspace, ID: d.ID}
	case ByResource:
		runes := []rune(d.ResourceID)
		return list.Place{Key: string(runes[:min(len(runes), sortedChars)]), ID: d.ID}
	case ByStatus:
		return list.Place{Key: string(d.Status), ID: d.ID}
	case ByCreated:
	}
	return list.At(d.CreatedAt, d.ID)
}

// KeyOf is a place's key as the database compares it. A key that no drift can have is an error.
func (by SortKey) KeyOf(p list.Place) (any, error) {
	switch by {
	case ByCost:
		f, err := strconv.ParseFloat(p.Key, 64)
		if err != nil || math.IsNaN(f) || math.Abs(f) > maxMoney {
			return nil, list.ErrPlace
		}
		return strconv.FormatFloat(f, 'f', 2, 64), nil
	case BySeverity:
		n, err := strconv.Atoi(p.Key)
		if err != nil || n < 0 || n > len(Severities) {
			return nil, list.ErrPlace
		}
		return n, nil
	case ByWorkspace, ByResource, ByStatus:
		if !utf8.ValidString(p.Key) || utf8.RuneCountInString(p.Key) > sortedChars || strings.ContainsRune(p.Key, 0) {
			return nil, list.ErrPlace
		}
		return p.Key, nil
	case ByCreated, ByDetected, ByLastSeen:
	}
	return p.Time()
}
